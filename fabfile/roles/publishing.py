"""Publishing: the names that are reachable from the internet through rooster, and their services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from fabfile.rack import Machine, Rack
from fabfile.rack.publishing import BY_NAME, HTTP, HTTPS, Published
from fabfile.resources import Check, FreePorts, NothingPublished, Packages, PublishedNames, Resource, Unit
from fabfile.resources.published import NGINX
from fabfile.roles.rendering import render

REFUSED, REFUSED_PROXIED = "127.0.0.1:4430", "127.0.0.1:4431"  # where a wrong name ends


@dataclass(frozen=True)
class PublishedRow:
    """One row: its name, the gateway's address and the service's, and the ports."""

    name: str
    public: str
    address: str
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Door:
    """One public address of the gateway, and the names behind it."""

    public: str
    names: tuple[tuple[str, Published], ...]

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(sorted({port for _, row in self.names for port in row.ports}))

    @property
    def proxy_protocol(self) -> bool:
        """All of an address speak it, or none: the rack is checked for that."""
        return any(row.proxy_protocol for _, row in self.names)

    def on(self, port: int) -> list[tuple[str, str]]:
        """Name and service's address, of those on this port."""
        return [(name, str(row.address)) for name, row in self.names if port in row.ports]


def doors(rack: Rack) -> list[Door]:
    """Every public address that is published, in the order of network.yaml."""
    behind: dict[str, list[tuple[str, Published]]] = {}
    for name, row in rack.network.publish.items():
        behind.setdefault(public_address(rack, row), []).append((name, row))
    return [Door(public, tuple(names)) for public, names in behind.items()]


def public_address(rack: Rack, row: Published) -> str:
    """The gateway's address for a row; its own unless the row has another."""
    return str(row.public or rack.gateway.address("public"))


def published_rows(rack: Rack) -> list[PublishedRow]:
    """Every row of `publish`, with the gateway's address for it."""
    return [PublishedRow(name, public_address(rack, row), str(row.address), row.ports) for name, row in rack.network.publish.items()]


def more_addresses(rack: Rack) -> list[str]:
    """What the gateway's outer interface has beside its own address: "128.120.136.54/32"."""
    own = str(rack.gateway.address("public"))
    wanted = (*(door.public for door in doors(rack)), *(str(one.public) for one in rack.organisations.values()))
    return [f"{public}/32" for public in dict.fromkeys(wanted) if public != own]


def publishing(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """nginx, with nothing of its own: it hands on what is published and refuses all else."""
    if not rack.network.publish:
        yield NothingPublished()
        return
    yield FreePorts({f"{port}/tcp": "nginx" for port in sorted({port for door in doors(rack) for port in door.ports})},
                    ("nginx",), tuple(door.public for door in doors(rack)))
    yield Packages({"iputils-arping": None, "libnginx-mod-stream": None, "nginx": None})
    yield PublishedNames(NGINX, nginx_config(rack), check="nginx -t -q -c {}", asks=True, unread=("/etc/nginx/sites-enabled/*",),
                         names=tuple(rack.network.publish))
    yield Unit("nginx", watches=(NGINX,), reload=True)


def nginx_config(rack: Rack) -> str:
    """nginx.conf, whole."""
    open_doors = doors(rack)
    others = sorted({port for door in open_doors for port in door.ports} - set(BY_NAME))
    return render("rooster/etc/nginx/nginx.conf", doors=open_doors, other_ports=others, refused=REFUSED,
                  refused_proxied=REFUSED_PROXIED)


def nginx_forwards(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """A wrong name is refused at every door, and the bare address too: so nginx runs from this very
    configuration."""
    for door in doors(rack):
        for port in sorted({HTTP, HTTPS} & set(door.ports)):
            scheme = "https" if port == HTTPS else "http"
            yield Check(
                f"{door.public}:{port} refuses a wrong name and a bare address", rack.gateway.name, f"""
for name in wrong.invalid {door.public}; do
    said=$(curl -ksS --noproxy '*' --max-time 5 --resolve wrong.invalid:{port}:{door.public} \
        -o /dev/null {scheme}://$name/ 2>&1) &&
        {{ echo "{scheme}://$name/ is answered"; exit 1; }}
    case $said in *'onnect to'*|*'imed out'*) echo "$said"; exit 1 ;; esac
done
exit 0
""", limit=30)


def row_answers(rack: Rack, name: str) -> Check:
    """One row from the gateway's public address to its pod: whoever answers there, with whatever
    certificate."""
    row = rack.network.publish[name]
    public = public_address(rack, row)
    port = HTTPS if HTTPS in row.ports else row.ports[0]
    scheme = "https" if port == HTTPS else "http"
    return Check(
        f"{name} is answered", rack.gateway.name, f"""
code=$(curl -ksS --noproxy '*' --max-time 10 --resolve {quote(f'{name}:{port}:{public}')} \
    -o /dev/null -w '%{{http_code}}' {scheme}://{name}:{port}/ 2>&1) || {{ echo "$code"; exit 1; }}
[ "$code" -lt 500 ] || {{ echo "{name} answers with $code"; exit 1; }}
""", limit=120)
