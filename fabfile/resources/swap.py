"""No swap, now and after every reboot."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from . import writing
from .base import Change, Command, Resource
from .file import File, FileFacts, difference, probe_file

_ZRAM = "/etc/systemd/zram-generator.conf"
_MASKED = "/etc/systemd/system"
_SERVICES = ("zramswap.service", "dphys-swapfile.service", "swapspace.service")  # they call swapon themselves

_PROBE = """
while read -r f type rest; do [ "$f" = Filename ] || echo "live $f"; done </proc/swaps
for f in swap.target /etc/systemd/system/*.swap /run/systemd/generator*/*.swap \
  /usr/lib/systemd/system/*.swap; do
  u=${f##*/}
  [ "$u" = "*.swap" ] || [ @MASKED@/"$u" -ef /dev/null ] || echo "unit $u"
done
for u in @SERVICES@; do
  [ ! -e "/usr/lib/systemd/system/$u" ] || [ @MASKED@/"$u" -ef /dev/null ] || echo "unit $u"
done
[ ! -x /usr/lib/systemd/system-generators/zram-generator ] || { [ -e @ZRAM@ ] && [ ! -s @ZRAM@ ]; } ||
  echo zram
echo fstab
""".strip().replace("@MASKED@", _MASKED).replace("@SERVICES@", " ".join(_SERVICES)).replace("@ZRAM@", _ZRAM)


@dataclass(frozen=True)
class SwapOff(Resource):
    """No swap: kubelet does not start beside it. The lines of /etc/fstab are commented, swap units and
    swap.target masked, zram generators silenced, and what is on is switched off."""

    @property
    def name(self) -> str:
        return "swap off"

    def probe(self) -> str:
        return f"{_PROBE}\n{probe_file('/etc/fstab')}"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        head, _, tail = facts.partition("fstab\n")
        lines = head.split("\n")
        fstab = FileFacts(tail)
        old = fstab.content or ""
        new = "".join(map(_without_swap, old.splitlines(keepends=True)))
        if new != old:
            count = sum(a != b for a, b in zip(old.splitlines(), new.splitlines(), strict=True))
            data = new.encode()
            script = writing.put("/etc/fstab", writing.text_of(data),
                                 unless=writing.unchanged("/etc/fstab", fstab.sha256, fstab.faithful))
            yield Change(f"/etc/fstab has {count} swap line{'s' * (count > 1)}",
                         (Command(f"{script}\nsystemctl daemon-reload", shown="comment them"),),
                         diff=difference("/etc/fstab", old, data), alters=frozenset({"file:/etc/fstab"}))
        if "zram" in lines:
            yield Change("a zram device becomes swap at boot", (File(_ZRAM, "").write(f"empty {_ZRAM}"),),
                         alters=frozenset({f"file:{_ZRAM}"}))
        units = sorted({line[5:] for line in lines if line.startswith("unit ")})
        if units:
            yield Change(f"{', '.join(units)}: not masked",
                         (Command("systemctl mask -- " + " ".join(map(quote, units))),),
                         alters=frozenset(f"unit:{unit}" for unit in units))
        live = [line[5:] for line in lines if line.startswith("live ")]
        if live:
            yield Change(f"swap is on: {', '.join(live)}", (Command("swapoff -a", limit=600.0),))


def _without_swap(line: str) -> str:
    words = line.split()
    if len(words) >= 3 and words[2] == "swap" and not words[0].startswith("#"):
        return f"# no swap beside kubelet: {line}"
    return line
