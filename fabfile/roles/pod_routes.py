"""Where pods of organisations are: rooster learns it from every node, by BGP, and so leaves their addresses as they are until they
leave the rack."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.resources import Absent, Check, File, FreePorts, IfThere, Packages, Resource, Unit
from fabfile.roles.rendering import render
from fabfile.upstream import documents

BIRD = "/etc/bird/bird.conf"
OURS = "/etc/coop/pod-routes"  # BIRD runs for Coop where this is


def pod_routes(rack: Rack) -> Iterator[Resource]:
    """BIRD on rooster; where no organisation is left, its end."""
    if not rack.organisations:
        yield IfThere(OURS, Unit("bird", running=False, enabled=False))
        yield Absent(OURS)
        return
    yield FreePorts({"179/tcp": "bird"}, ("bird",))
    yield Packages({"bird2": None})
    yield File(OURS, "BIRD is configured by Coop, and ends with the last organisation.\n")
    yield File(BIRD, bird_config(rack), owner="bird", group="bird", mode=0o640, check="bird -p -c {}", asks=True)
    yield Unit("bird", watches=(BIRD,), reload=True)


def bird_config(rack: Rack) -> str:
    """bird.conf, whole. Every node is a neighbour: also a control plane, whose pods may be an organisation's."""
    return render("rooster/etc/bird/bird.conf", inner=rack.gateway.inner, nodes=rack.chicks, number=documents.calico_bgp(rack)["asNumber"],
                  pods=[one.pods for one in rack.organisations.values()])


def nodes_tell_their_pods(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """Every node that is not missing has a session with rooster."""
    names = " ".join(f"{one.name}={one.address()}" for one in rack.reached)
    yield Check("every node tells rooster where pods are", rack.gateway.name, f"""
up=$(birdc show protocols all 2>&1) || {{ echo "$up"; exit 1; }}
for node in {names}; do
    printf '%s\\n' "$up" | awk -v at="${{node#*=}}" '
        /^[a-z0-9_]+ +BGP / {{ state = $NF }} $1 == "Neighbor" && $2 == "address:" && $3 == at && state == "Established" {{ found = 1 }}
        END {{ exit !found }}' || {{ echo "${{node%=*}} has no BGP session with {rack.gateway.name}"; exit 1; }}
done
""", limit=120)
