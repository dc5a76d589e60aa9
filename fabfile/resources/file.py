"""A file with this content, owner and mode."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from hashlib import sha256
from shlex import quote

from ..secret import Secret
from . import first_owner, writing
from .base import Change, Command, Resource

_SHOWN = 1 << 18  # bytes of an old file that are read for a diff


@dataclass(frozen=True)
class File(Resource):
    """A file, written beside its place, synced, checked by its own program and moved; the previous one is kept.

    `check` is that program's command, with {} for the new file: "nft -c -f {}". A secret is never shown as a
    diff, and nobody but its owner may read it, whatever `mode` says. Missing parents are made (root, 0755). With `asks`,
    whatever somebody else has written there is replaced with consent alone; `unread` are patterns of files that the former one
    reads, and this one does not.
    """

    path: str
    content: str | bytes | Secret
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    check: str = ""
    asks: bool = False
    unread: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"file {self.path}"

    @property
    def secret(self) -> bool:
        return isinstance(self.content, Secret)

    def data(self) -> bytes:
        """The content as it is to lie on the machine."""
        content = self.content.reveal() if isinstance(self.content, Secret) else self.content
        return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content

    def permissions(self) -> int:
        return self.mode & ~0o077 if self.secret else self.mode

    def probe(self) -> str:
        return probe_file(self.path, unless=sha256(self.data()).hexdigest(), show=not self.secret, asks=self.asks, unread=self.unread)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        found = FileFacts(facts)
        data = self.data()
        if found.sha256 != sha256(data).hexdigest():
            held = list(first_owner.stuck(facts, self.path))
            yield from held
            if any(not change.commands for change in held):
                return
            state = "has other content" if found.kind == "file" else f"is {found.kind}"
            yield Change(
                f"{self.path} {state}",
                (self.write(f"write {self.path} ({len(data)} bytes, mode {self.permissions():04o})"),),
                diff="" if self.secret else difference(self.path, found.content, data),
                alters=frozenset({f"file:{self.path}"}), interrupts=first_owner.taken_from_somebody(facts, self.path),
            )
            return
        yield from permission_changes(self.path, found, self.owner, self.group, self.permissions())

    def write(self, shown: str) -> Command:
        """The command that puts the file there."""
        script = writing.put(self.path, writing.text_of(self.data()), owner=self.owner, group=self.group,
                             mode=self.permissions(), check=self.check)
        return Command(script, shown=shown)


class FileFacts:
    """What `probe_file` saw: .kind ("file", "absent", "a link to …", "a directory"), .mode, .sha256, .content,
    and by name and number .owners and .groups."""

    def __init__(self, facts: str):
        head, *rest = facts.split("\n")
        words = head.split(" ")
        self.kind = head or "unknown"
        self.mode, self.sha256, self.content = -1, "", None
        self.owners: tuple[str, ...] = ()
        self.groups: tuple[str, ...] = ()
        if words[0] in ("file", "folder") and len(words) == 6:
            self.kind = words[0] if words[0] == "file" else "a directory"
            self.mode = int(words[1], 8)
            self.owners, self.groups = (words[2], words[3]), (words[4], words[5])
        if rest and rest[0].startswith("sha256 "):
            self.sha256 = rest[0][7:]
            lines = [line[1:] for line in rest[1:] if line.startswith("|")]
            if "end" in rest:
                newline = rest[rest.index("end") - 1] == ""
                self.content = "\n".join(lines) + ("\n" if newline and lines else "")

    @property
    def faithful(self) -> bool:
        """Whether .content is the whole file, byte by byte: not when that is long, or no UTF-8 text."""
        return self.content is not None and sha256(self._data()).hexdigest() == self.sha256

    def _data(self) -> bytes:
        return (self.content or "").encode("utf-8", "surrogateescape")


def undo(path: str, found: FileFacts) -> str:
    """Shell text that makes `path` what the plan saw there. It needs nothing else, as a change that is rolled back
    must, unless that was no short text: then it is the copy that was kept when the new file was put there."""
    if found.content is not None and found.faithful:
        return writing.restore(path, found.content)
    return f"rm -f -- {quote(path)}" if found.kind in ("absent", "unknown") else writing.put_back(path)


def probe_file(path: str, unless: str = "", show: bool = True, asks: bool = False, unread: tuple[str, ...] = ()) -> str:
    """Shell text that tells what lies at `path`, and what is in it unless its sha256 is `unless`.

        file 644 root 0 root 0
        sha256 e3b0…
        |the content, each line after a bar
        (an empty line when the last one ends with a newline)
        end

    and where the content differs, what of its first owner is to know (see first_owner); with `asks`, also who that is.
    """
    here = quote(path)
    content = (
        f"; [ \"$h\" = '{unless}' ] || {{ head -c {_SHOWN} -- {here} | sed 's/^/|/'; echo; echo end; }}"
        if show else ""
    )
    if unless:
        more = "\n".join([first_owner.probe_stuck(path), *([first_owner.probe_somebodys(path)] if asks else []),
                          *([first_owner.probe_unread(path, unread)] if unread else [])])
        content += f"\n[ \"$h\" = '{unless}' ] || {{ {more}\n}}"
    return (
        f'if [ -L {here} ]; then echo "a link to $(readlink -- {here})"\n'
        f"elif [ -f {here} ]; then stat -c 'file %a %U %u %G %g' -- {here}\n"
        f"h=$(sha256sum <{here}); h=${{h%% *}}; echo \"sha256 $h\"{content}\n"
        f"elif [ -d {here} ]; then stat -c 'folder %a %U %u %G %g' -- {here}\n"
        f"elif [ -e {here} ]; then echo 'no file'\nelse echo absent; fi"
    )


def permission_changes(path: str, found: FileFacts, owner: str, group: str, mode: int) -> Iterator[Change]:
    """Owner, group and mode of what lies there already."""
    here = quote(path)
    if owner not in found.owners or group not in found.groups:
        yield Change(
            f"{path} belongs to {found.owners[0]}:{found.groups[0]}, should belong to {owner}:{group}",
            (Command(f"chown {quote(f'{owner}:{group}')} -- {here}\nchmod {mode:04o} -- {here}"),),
        )
    if found.mode != mode:
        yield Change(f"{path} has mode {found.mode:04o}, should have {mode:04o}",
                     (Command(f"chmod {mode:04o} -- {here}"),))


def difference(path: str, old: str | None, new: bytes) -> str:
    """A unified diff, or a word why there is none."""
    try:
        text = new.decode()
    except UnicodeDecodeError:
        return "(binary)"
    if old is not None and len(old.encode("utf-8", "surrogateescape")) >= _SHOWN:
        return "(too long to show)"
    before, after = _lines(old or ""), _lines(text)
    former = path if old is not None else "/dev/null"
    return "\n".join(difflib.unified_diff(before, after, former, path, lineterm=""))


def _lines(text: str) -> list[str]:
    cut = "\n\\ No newline at end of file"
    return [line.removesuffix("\n") if line.endswith("\n") else line + cut
            for line in re.split("(?<=\n)", text) if line]
