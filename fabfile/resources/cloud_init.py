"""What cloud-init was told from outside, which it takes before any file of /etc/cloud."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from .base import Change, Command, Resource, conflict
from .others import numbered

#: What user data and vendor data come to, as cloud-init keeps it for the machine (cloudinit.helpers.ConfigMerger: before the files).
DATA = "/var/lib/cloud/instance"
OFF = "/etc/cloud/cloud-init.disabled"
_WRITES = {"manage_etc_hosts": ({"true", "template", "localhost"}, "writes /etc/hosts"),
           "preserve_hostname": ({"false"}, "sets the host name"),
           "manage_resolv_conf": ({"true"}, "writes /etc/resolv.conf")}


@dataclass(frozen=True)
class CloudInitData(Resource):
    """No user data or vendor data by which cloud-init writes at each start what is Coop's."""

    @property
    def name(self) -> str:
        return "data of cloud-init"

    def probe(self) -> str:
        keys = "|".join(_WRITES)
        return (f"[ -e {OFF} ] || [ ! -d {DATA} ] || "
                f"find {DATA}/ -maxdepth 1 -name '*cloud-config.txt' -exec grep -HnE '^({keys}):' {{}} + || :")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for path, number, text in numbered(facts):
            key, _, value = text.partition(":")
            values, does = _WRITES[key]
            if value.split("#")[0].strip(" '\"").lower() in values:
                yield conflict("cloud-init",
                               f"{path}:{number} says {text.strip()}: cloud-init {does} at each start, whatever /etc/cloud says",
                               Command(f": >{OFF}", shown=f"turn cloud-init off ({OFF})"), keepable=False)
                return
