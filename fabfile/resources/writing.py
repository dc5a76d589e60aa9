"""How a file gets to its place: written beside it, synced, checked, the previous one kept, then moved."""

from __future__ import annotations

import posixpath
from shlex import quote

# What a file was before, under its own path; PATH.absent when it was not there.
FORMER = "/var/lib/coop/former"


def text_of(content: bytes) -> str:
    """Shell text that prints these very bytes. Readable where they are text, base64 where they are not."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return f"printf %s {quote(text)}"
    from base64 import b64encode

    return f"printf %s {b64encode(content).decode()} | base64 -d"


def folder(path: str) -> str:
    """Shell text that makes the directory of `path`, for root and readable, where there is none."""
    return f"(umask 022; mkdir -p -- {quote(posixpath.dirname(path))})"


def beside(path: str) -> str:
    """Where a new file waits: hidden, on the same file system, with the same extension, always the same name,
    so that what a killed run left is overwritten by the next."""
    place, name = posixpath.split(path)
    return posixpath.join(place, f".coop-new.{name}")


def put(path: str, printing: str, *, owner: str = "root", group: str = "root", mode: int = 0o644,
        check: str = "", unless: str = "") -> str:
    """Shell text that makes `path` what the shell text `printing` prints.

    `check` is a command with {} for the new file: when it fails, the old file stays. `unless` is shell text
    that ends the script before anything is touched (a guard: see `unchanged`).
    """
    new, place = quote(beside(path)), quote(posixpath.dirname(path))
    lines = [unless] if unless else []
    lines += [
        folder(path),
        f"full() {{ [ \"$(df --output=avail -- {place} | tail -n 1)\" -gt 0 ] || echo 'the disk is full' >&2; }}",
        f"umask 077; trap '[ $? = 0 ] || full; rm -f -- '{quote(new)} EXIT; rm -f -- {new}",
        f"{printing} >{new}",
        f"chown {quote(f'{owner}:{group}')} -- {new}",
        f"chmod {mode:04o} -- {new}",
        f"sync -- {new}",
    ]
    if check:
        lines.append(check.replace("{}", new))
    lines += [keep(path), move(path)]
    return "\n".join(lines)


def keep(path: str) -> str:
    """Shell text that keeps what is at `path` now, so that `put_back` finds it."""
    here, former = quote(path), quote(FORMER + path)
    return (
        f"(umask 077; mkdir -p -- {quote(posixpath.dirname(FORMER + path))})\n"
        f"if [ -e {here} ] || [ -L {here} ]\n"
        f"then cp -aT --remove-destination -- {here} {former}; rm -f -- {former}.absent\n"
        f"else : >{former}.absent; rm -f -- {former}; fi"
    )


def put_back(path: str) -> str:
    """Shell text that puts the previous file back, or takes the file away where there was none."""
    here, former, new = quote(path), quote(FORMER + path), quote(beside(path))
    return (
        f"if [ -e {former} ] || [ -L {former} ]\n"
        f"then cp -aT --remove-destination -- {former} {new}; mv -fT -- {new} {here}\n"
        f"elif [ -e {former}.absent ]; then rm -f -- {here}; fi"
    )


def restore(path: str, content: str) -> str:
    """Shell text that gives `path` this content again; owner and mode stay as they are."""
    new = quote(beside(path))
    printing = text_of(content.encode("utf-8", "surrogateescape"))
    return f"cp -aT --remove-destination -- {quote(path)} {new}\n{printing} >{new}\n{move(path)}"


def move(path: str) -> str:
    """Shell text that moves the new file to its place and makes that last over a power cut."""
    here = quote(path)
    why = (f"{{ case $(lsattr -d -- {here} 2>/dev/null) in [!\\ ]*i*\\ *) echo {quote(path + ' is immutable (chattr +i)')} >&2 ;; esac; "
           f"! mountpoint -q -- {here} || echo {quote(path + ' is a mount of its own')} >&2; exit 1; }}")
    return f"mv -fT -- {quote(beside(path))} {here} || {why}\nsync -- {quote(posixpath.dirname(path))}"


def unchanged(path: str, sha256: str, whole: bool) -> str:
    """Shell text that fails when `path` is no longer what the plan was made from, or was not seen `whole`."""
    if not whole:
        reason = f"{path} is too long, or holds bytes that are no UTF-8 text: change it by hand"
        return f"echo {quote(reason)} >&2; exit 1"
    return (
        f"printf '%s  %s\\n' {sha256} {quote(path)} | sha256sum --check --status || "
        f"{{ echo {quote(path + ' has changed since it was probed: run again')} >&2; exit 1; }}"
    )
