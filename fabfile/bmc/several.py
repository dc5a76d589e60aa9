"""Several BMCs asked at the same time by one shell: a slow one keeps nobody waiting but itself."""

from __future__ import annotations

from collections.abc import Mapping

MARK = "#coop-bmc "


def at_once(texts: Mapping[str, str]) -> str:
    """Shell text that runs one for each machine, and prints what each said."""
    begun = "\n".join(f'( {text} ) >"$said/{machine}" &' for machine, text in texts.items())
    return ("umask 077; mkdir -p /run/coop; said=$(mktemp -d /run/coop/bmc.XXXXXX); trap 'rm -rf \"$said\"' EXIT\n"
            f"{begun}\nwait\n"
            f'for one in "$said"/*; do echo "{MARK}${{one##*/}}"; cat "$one"; echo; done')


def parse(output: str) -> dict[str, str]:
    """What each said, by machine."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in output.splitlines():
        if line.startswith(MARK):
            lines = found.setdefault(line.removeprefix(MARK), [])
        else:
            lines.append(line)
    return {machine: "\n".join(lines) for machine, lines in found.items()}
