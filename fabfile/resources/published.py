"""Names that nginx forwards: those that are no longer published are reported before they are removed."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from . import parts, writing
from .base import Change, Command, Resource
from .file import File

NGINX = "/etc/nginx/nginx.conf"
_OURS = "# Rendered from configs/network.yaml"  # how the file of Coop's begins

_NAMES = (f"if [ -f {NGINX} ] && head -n 1 {NGINX} | grep -q '^{_OURS}'; then\n"
          "sed -nE 's/^[[:space:]]*(server_name )?((\\*\\.)?[a-z0-9-]+(\\.[a-z0-9-]+)+)( [0-9.]+:443)?;$/\\2/p' "
          f"{NGINX} | awk '!seen[$0]++'; echo ours; fi")


@dataclass(frozen=True)
class PublishedNames(File):
    """nginx's configuration, which hands on these names and no others."""

    names: tuple[str, ...] = ()

    def probe(self) -> str:
        return parts.probe(super().probe(), _NAMES)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        kept, found = parts.facts(facts, 2)
        gone = [name for name in found.split() if name not in (*self.names, "ours")]
        for change in super().changes(kept, altered):
            lost = "; ".join(filter(None, (change.interrupts, _unreached(gone))))
            yield replace(change, interrupts=lost) if change.alters else change


@dataclass(frozen=True)
class NothingPublished(Resource):
    """nginx hands nothing on any more, where it once did by Coop's configuration."""

    @property
    def name(self) -> str:
        return "no published names"

    def probe(self) -> str:
        return _NAMES

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        names = [name for name in facts.split() if name != "ours"]
        if "ours" in facts.split():
            script = f"systemctl disable --now nginx\n{writing.keep(NGINX)}\nrm -f -- {NGINX}"
            yield Change(f"nginx forwards {', '.join(names) or 'nothing'}, and network.yaml publishes nothing",
                         (Command(script, shown="stop nginx, and move its configuration away"),),
                         interrupts=_unreached(names), alters=frozenset({f"file:{NGINX}", "unit:nginx.service"}))


def _unreached(names: list[str]) -> str:
    return f"nobody reaches {', '.join(names)} through rooster any longer" if names else ""
