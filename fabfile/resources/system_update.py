"""Updates of a machine's packages, all but those on hold; and the reboot that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from shlex import quote

from fabfile.programs import shell

from .base import Change, Command, Resource, refusal
from .packages import prepare

FORMER_PACKAGES = "/var/lib/coop/former-packages"
REBOOT_MARK = "/var/lib/coop/reboot.pending"
EVERYBODYS = ("linux-image-*", "libc6", "systemd", "dbus", "*-microcode")  # a reboot puts them to use
_NAMED = 8  # packages in a plan's line; of more, how many


@dataclass(frozen=True)
class SystemUpdated(Resource):
    """No package of the machine is older than `packages` says (name → version). `only`: these alone are updated, not all
    that there is. With `serves` (what, and shell text that is then true), the former packages come back, as far as they can
    still be fetched, when that does not come true afterwards or no new connection can be opened."""

    packages: Mapping[str, str]
    only: bool = False
    serves: tuple[tuple[str, str], ...] = ()
    interrupts: str = ""

    @property
    def name(self) -> str:
        return "updates of packages"

    def probe(self) -> str:
        pairs = " ".join(quote(f"{name}={version}") for name, version in self.packages.items())
        return (f"for pair in {pairs or 'none'}; do\n"
                "  found=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' \"${pair%%=*}\" 2>/dev/null) || found=\n"
                "  case $found in ?i\\ *) dpkg --compare-versions \"${found#???}\" ge \"${pair#*=}\" && continue ;; esac\n"
                "  [ \"$pair\" = none ] || echo \"${pair%%=*}\"\ndone")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        names = facts.split()
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            told = ", ".join(f"{name} {self.packages.get(name, '')}".strip() for name in names[:_NAMED])
            reboots = any(fnmatchcase(name, pattern) for name in names for pattern in EVERYBODYS)
            yield Change(f"to be updated: {told}{more}", (Command(
                self._script(names, reboots), long=True, limit=3600.0, shown="apt-get upgrade", says=bool(self.serves)),),
                undo=f"{prepare()}\n{shell('packages_back', folder=FORMER_PACKAGES)}" if self.serves else "",
                interrupts=self.interrupts, alters=frozenset({"reboot:needed"}) if reboots else frozenset())

    def _script(self, names: list[str], reboots: bool) -> str:
        update = shell("modules_built", "update", names=" ".join(names), only="yes" if self.only else "", mark=REBOOT_MARK,
                       reboots="yes" if reboots else "")
        if not self.serves:
            return f"{prepare()}\n{update}"
        return "\n".join([
            prepare(), shell("former_packages", names=" ".join(names), folder=FORMER_PACKAGES), update,
            shell("still_serves", folder=FORMER_PACKAGES),
            *(f"holds {quote(what)} {quote(script)}" for what, script in self.serves)])


@dataclass(frozen=True)
class RebootedIfNeeded(Resource):
    """A machine that runs the kernel and the programs that are installed. A reboot is planned with the updates that will
    need it."""

    node: str
    interrupts: str = ""

    @property
    def name(self) -> str:
        return f"reboot of {self.node} where it is needed"

    def probe(self) -> str:
        return shell("modules_built", "reboot_needed", mark=REBOOT_MARK)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        reasons, unbuilt = reboot_reasons(facts)
        updated = "reboot:needed" in altered  # what is built then is not known yet: it is probed again before
        if reasons and unbuilt and not updated:
            yield refusal("; ".join(unbuilt),
                          what=f"{self.node} should be rebooted ({'; '.join(reasons)}), and must not be: {'; '.join(unbuilt)}")
            return
        if not reasons and updated:
            reasons = ["programs that everything uses are updated"]
        if reasons:
            yield Change(f"{self.node} should be rebooted: {'; '.join(reasons)}",
                         (Command("systemctl reboot", limit=900.0),), reboots=True,
                         interrupts=self.interrupts or f"{self.node} reboots")


def reboot_reasons(answer: str) -> tuple[list[str], list[str]]:
    """Of what reboot_needed.sh says: why the machine has to be started again, and what its new kernel lacks."""
    lines = [line for line in answer.splitlines() if line]
    unbuilt = [line.removeprefix("unbuilt ") for line in lines if line.startswith("unbuilt ")]
    return [line for line in lines if not line.startswith("unbuilt ")], unbuilt
