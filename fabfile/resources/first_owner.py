"""Whose a file was before Coop wrote it for the first time, what goes with it, and what keeps it from being replaced at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from .base import Change, Command, conflict
from .writing import FORMER

_SOMEBODYS = "somebody's"
_STUCK = "stuck "
_UNREAD = "unread "


def probe_stuck(path: str) -> str:
    """Shell text that says whether the file cannot be replaced: immutable, or a mount."""
    here = quote(path)
    return (f"case $(lsattr -d -- {here} 2>/dev/null) in ????i*) echo '{_STUCK}immutable' ;; esac\n"
            f"! grep -qF {quote(f' {path} ')} /proc/self/mountinfo 2>/dev/null || echo '{_STUCK}a mount'")


def probe_somebodys(path: str) -> str:
    """Shell text that says whether the file holds what neither Coop nor a package has put there. Coop keeps a copy of each file
    that it replaces, so there is one where it has been before; packages' sums are in dpkg's and ucf's lists."""
    here, former = quote(path), quote(FORMER + path)
    return (f"if [ -s {here} ] && [ ! -L {here} ] && [ ! -e {former} ] && [ ! -e {former}.absent ]; then\n"
            f"  sum=$(md5sum <{here}) || :; sum=${{sum%% *}}\n"
            f"  grep -qsF {here}\" $sum\" /var/lib/dpkg/status || grep -qsF \"$sum  \"{here} /var/lib/ucf/hashfile || "
            f"echo \"{_SOMEBODYS}\"\nfi")


def probe_unread(path: str, patterns: Iterable[str]) -> str:
    """Shell text that names the files that are read beside the one at `path`, and are not any more when Coop's is there: those
    that neither are empty nor as a package has them."""
    former = quote(FORMER + path)
    return (f"if [ ! -e {former} ] && [ ! -e {former}.absent ]; then for f in {' '.join(patterns)}; do\n"
            "  [ -s \"$f\" ] || continue; o=$(readlink -f -- \"$f\"); sum=$(md5sum <\"$o\") || continue\n"
            f"  grep -qsF \"$o ${{sum%% *}}\" /var/lib/dpkg/status || echo \"{_UNREAD}$f\"\ndone; fi")


def taken_from_somebody(facts: str, path: str) -> str:
    """What is interrupted when the file is replaced, in words; "" where it was Coop's or a package's."""
    lost = []
    if _SOMEBODYS in facts.split("\n"):
        lost.append(f"{path} was written or changed by somebody else, and is replaced (a copy is kept in {FORMER}{path})")
    if unread := [line.removeprefix(_UNREAD) for line in facts.split("\n") if line.startswith(_UNREAD)]:
        lost.append(f"what {', '.join(unread)} {'says' if len(unread) == 1 else 'say'} holds no more: Coop's {path} does not read "
                    f"{'it' if len(unread) == 1 else 'them'}")
    return "; ".join(lost)


def stuck(facts: str, path: str) -> Iterator[Change]:
    """Why the file cannot be replaced."""
    lines = facts.split("\n")
    if f"{_STUCK}immutable" in lines:
        yield conflict(path, f"{path} has to be changed and is immutable (`chattr -i {path}` undoes that)",
                       Command(f"chattr -i -- {quote(path)}"))
    if f"{_STUCK}a mount" in lines:
        yield conflict(path, f"{path} has to be changed and is a mount point (`findmnt {path}` shows who has mounted it)")
