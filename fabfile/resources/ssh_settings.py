"""How sshd lets people in: tried, then confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import parts, sshd_files, writing
from .base import Change, Command, Resource, conflict, rejection
from .file import File, FileFacts, undo
from .others import commented, uncommented
from .unit import Unit

_RELOAD = "systemctl reload-or-restart ssh"
# who has a password, a shell, and no key in the files where sshd looks; where it asks a program for keys, nobody knows
_PASSWORDS = r"""
while IFS=: read -r user hash rest; do
  case $hash in \$*) ;; *) continue ;; esac
  IFS=: read -r _ _ uid _ _ home shell <<END
$(getent passwd -- "$user")
END
  case ${shell:-/bin/sh} in */nologin|*/false|*/sync) continue ;; esac
  [ "${uid:-0}" != 0 ] || continue
  said=${said:-$(sshd -T 2>/dev/null)}; k=
  case $said in *'authorizedkeyscommand /'*) break ;; esac
  for f in $(printf '%s\n' "$said" | sed -n 's/^authorizedkeysfile //p'); do
    f=$(printf '%s\n' "$f" | sed "s#%u#$user#g; s#%h#$home#g"); case $f in /*) ;; *) f=$home/$f ;; esac
    [ ! -s "$f" ] || k=yes
  done
  [ -n "$k" ] || echo "password $user"
done </etc/shadow 2>/dev/null || :
""".strip()


@dataclass(frozen=True)
class SshSettings(Resource):
    """A drop-in of sshd's settings, and an sshd that runs with it and has no other file that wins over it.

    sshd itself checks the drop-in, then all its settings together. A change is rolled back automatically unless a new
    connection comes in through it.
    """

    content: str
    path: str = "/etc/ssh/sshd_config.d/10-rack.conf"

    @property
    def name(self) -> str:
        return f"ssh settings {self.path}"

    def file(self) -> File:
        return File(self.path, self.content, check="sshd -t -f {}")

    def unit(self) -> Unit:
        return Unit("ssh", watches=(self.path,), reload=True)

    def probe(self) -> str:
        return parts.probe(self.file().probe(), self.unit().probe(), sshd_files.PROBE, _PASSWORDS)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        kept, running, others, accounts = parts.facts(facts, 4)
        told = list(self._conflicts(others))
        yield from told
        for change in self.file().changes(kept, altered):
            if not change.alters:  # owner or mode alone
                yield change
                continue
            yield Change(change.what, (*change.commands, Command(f"sshd -t\n{_RELOAD}")),
                         diff=change.diff, alters=change.alters | {"unit:ssh.service"},
                         undo=f"{undo(self.path, FileFacts(kept))}\n{_RELOAD}", interrupts=self._locked_out(others, accounts))
            return
        if not told:
            for key, value in sshd_files.different(others, sshd_files.settings(self.content)).items():
                yield rejection(f"sshd -T says that {key} is {value}, although {self.path} sets it, and no line of sshd's files that "
                                "Coop reads does otherwise: look at SSHD_OPTS in /etc/default/ssh")
        yield from self.unit().changes(running, altered)

    def _locked_out(self, others: str, accounts: str) -> str:
        """Which accounts these settings keep out, in words: those that come in by a password now, and have no key."""
        users = [line.removeprefix("password ") for line in accounts.split("\n") if line.startswith("password ")]
        if not users or not sshd_files.different(others, {"passwordauthentication": "no"}):
            return ""
        has, are = ("has", "is") if len(users) == 1 else ("have", "are")
        return f"{', '.join(users)} {has} a password and no key, and {are} let in no more"

    def _conflicts(self, others: str) -> Iterator[Change]:
        """What other files set otherwise, file by file."""
        wanted = sshd_files.settings(self.content)
        lines = sshd_files.overriding(others, self.path, wanted)
        if lines is None:
            if not others.startswith(sshd_files.MAIN):
                return  # no sshd, or one without settings
            folder = self.path.rpartition("/")[0]
            script = f"{writing.keep(sshd_files.MAIN)}\nsed -i --follow-symlinks '1i Include {folder}/*.conf' -- {sshd_files.MAIN}"
            yield conflict(sshd_files.MAIN, f"{sshd_files.MAIN} has no Include of {folder}/*.conf, so Coop's {self.path} has no effect",
                           Command(f"{script}\nsshd -t\n{_RELOAD}", shown=f"put an Include of {folder}/*.conf at its top"),
                           undo=f"sed -i --follow-symlinks 1d -- {quote(sshd_files.MAIN)}\n{_RELOAD}")
            return
        for path in dict.fromkeys(line.path for line in lines):
            mine = [line for line in lines if line.path == path]
            said = "; ".join(f"{path}:{line.number} sets {line.word} to {line.value}"
                             + (f" for Match {line.match}" if line.match else "") for line in mine)
            yield conflict(path, f"{said}, and wins over Coop's {self.path}",
                           commented(path, {line.number: line.text for line in mine}, then=f"sshd -t\n{_RELOAD}"),
                           undo=f"{uncommented(path)}\n{_RELOAD}")
