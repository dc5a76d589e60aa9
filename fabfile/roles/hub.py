"""Helm releases: a hub, with its database copied before an upgrade and a test user after it; and any other
chart."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from shlex import quote
from typing import Any

from fabfile.programs import text
from fabfile.rack import Machine, Rack
from fabfile.rack.merge import plain
from fabfile.rack.publishing import HTTP, HTTPS
from fabfile.rack.secrets import revealed
from fabfile.rack.services import HUB, Service
from fabfile.resources import Check, Command, Resource
from fabfile.resources.helm_scripts import Database, Released, database_program
from fabfile.roles.charts import chart, release
from fabfile.roles.load_balancer import address_is_answered_once
from fabfile.roles.operators import kubeconfig
from fabfile.roles.publishing import row_answers
from fabfile.upstream.pages import DATABASE_CLAIM
from fabfile.upstream.release import API, address_of, base_url, database_type, looked_up, release_values

COPIES = "/var/lib/coop/databases"
DATABASE_LIMIT = 300.0
_HOW_NODES_ARE = (  # a cordon keeps a database's hub off, and no puller: its DaemonSet tolerates it
    "{{range .items}}{{.metadata.name}} {{if .spec.unschedulable}}cordoned {{end}}"
                  '{{range .status.conditions}}{{if eq .type "Ready"}}'
                  '{{if ne .status "True"}}NotReady{{end}}{{end}}'
                  '{{end}}{{"\\n"}}{{end}}')


def service(rack: Rack, machine: Machine, name: str, commit: str = "", leave_out: tuple[str, ...] = (),
            force_conflicts: bool = False) -> Iterator[Resource]:
    """One service of the rack. `commit` is what its templates' `ref` means now. Nodes in `leave_out` may be
    sick: then no node is given the new images beforehand."""
    wanted = rack.services[name]
    values = revealed(release_values(rack, wanted, commit))
    yield chart(wanted.chart)
    before, proof, override, database = [], "", "", None
    if wanted.is_hub:
        if pulls_before(values):
            before.append(nodes_are_fit(rack, leave_out))
        if leave_out:
            override = "prePuller: {hook: {enabled: false}}\n"
        if database := database_of(wanted):
            before += [database_is_at_home(rack, wanted), database_copy(rack, database)]
        proof = proving(rack, wanted)
    yield release(rack, wanted.release_name, wanted.in_namespace, wanted.chart, values,
                  seconds=wanted.seconds, before=tuple(before), proof=proof,
                  proof_seconds=wanted.canary.seconds + 300 if proof else 0, override=override,
                  force_conflicts=force_conflicts, canary=wanted.canary.user, database=database,
                  prove_with=prove_with(wanted) if proof else f"service.upgrade {name}")


def service_answers(rack: Rack, name: str) -> Iterator[Check]:
    """One node answers for its address, and it to its published name, at the gateway's public address."""
    publish = rack.services[name].publish
    if publish:
        yield address_is_answered_once(rack, address_of(rack, rack.services[name]))
        yield row_answers(rack, publish)


def pulls_before(values: dict[str, Any]) -> bool:
    """Whether an upgrade waits until every node has the new images."""
    return looked_up(values, "prePuller", "hook", "enabled") is not False


def nodes_are_fit(rack: Rack, leave_out: tuple[str, ...] = ()) -> Command:
    """Refuses, before anything is touched, when a node would never have the images: the upgrade would wait
    for it."""
    left = " ".join(leave_out)
    return Command(
        f"""
sick=$(kubectl --kubeconfig {kubeconfig(rack)} get nodes -o go-template={quote(_HOW_NODES_ARE)})
found=$(printf '%s\\n' "$sick" | while read -r node state; do
    case " {left} " in *" $node "*) continue ;; esac
    case $state in *NotReady*) printf '%s is NotReady; ' "$node" ;; esac
done)
[ -z "$found" ] || {{
    echo "${{found}}the image puller would wait for it: fix it, or run again with --leave-out NODE," \
        "and no node gets the new images beforehand" >&2; exit 1; }}
""", shown="check that every node can pull the new images")


def database_is_at_home(rack: Rack, wanted: Service) -> Command:
    """Refuses, also when that node is to be left out, when the one node on whose disk the database lies takes
    no pods: the hub would be stopped and not start again."""
    kubectl = f"kubectl --kubeconfig {kubeconfig(rack)}"
    home = "jsonpath={.spec.nodeAffinity.required.nodeSelectorTerms[*].matchExpressions[*].values[*]}"
    return Command(
        f"""
volume=$({kubectl} -n {wanted.in_namespace} get pvc {DATABASE_CLAIM} --ignore-not-found \
    -o 'jsonpath={{.spec.volumeName}}')
[ -n "$volume" ] || exit 0
home=$({kubectl} get pv "$volume" -o {quote(home)})
found=$({kubectl} get nodes -o go-template={quote(_HOW_NODES_ARE)} | sed -n "s/^$home \\(..*[^ ]\\) *$/\\1/p")
[ -z "$home" ] || [ -z "$found" ] || {{
    echo "$home is $found, and the hub's database lies on it: the hub would stop and not start again" >&2
    exit 1; }}
""", shown="check that a pod can run where the hub's database is")


def database_of(wanted: Service) -> Database | None:
    """The hub's database, where Coop copies it and can bring it back: a file of a claim."""
    if not wanted.is_hub or database_type(wanted) != "sqlite-pvc":
        return None
    return Database(wanted.in_namespace, wanted.release_name, DATABASE_CLAIM, f"{COPIES}/{wanted.name}",
                    wanted.canary.user)


def database_copy(rack: Rack, database: Database) -> Command:
    """The hub's database onto the gateway, tied to the revision that runs; the ten latest are kept. A hub that does
    not run is copied past it, and where that cannot be, it is reported at once."""
    return Command(database_program(database, kubeconfig(rack), "copy"), long=True, limit=DATABASE_LIMIT,
                   shown=f"copy the hub's database to {database.copies}")


def released(rack: Rack, wanted: Service, profile: str | None = None) -> Released:
    """The hub's release, as the tasks prove it and bring former revisions back."""
    return Released(wanted.release_name, wanted.in_namespace, kubeconfig(rack), wanted.seconds,
                    proving(rack, wanted, profile), wanted.canary.user, prove_with(wanted), database_of(wanted))


def prove_with(wanted: Service) -> str:
    """What an operator types after `inv`."""
    return "hub.prove" if wanted.name == HUB else f"hub.prove --hub {wanted.name}"


def proving(rack: Rack, wanted: Service, profile: str | None = None) -> str:
    """Shell text for the gateway: the canary starts a server and runs a cell. A server that an earlier proof
    left, or that this one leaves, is taken away whatever the hub thinks of it, and wherever it is."""
    canary = wanted.canary
    away = (f"kubectl --kubeconfig {kubeconfig(rack)} -n {wanted.in_namespace} "
            "delete pod --ignore-not-found --wait=false --grace-period=0 --force "
            f"-l component=singleuser-server,hub.jupyter.org/username={canary.user} >/dev/null 2>&1")
    logs = ["kubectl", "--kubeconfig", kubeconfig(rack), "--request-timeout=15s", "-n", wanted.in_namespace, "logs", "deployment/hub",
            "-c", "hub", "--since=15m", "--tail=400"]
    ask = api_command(rack, wanted, "prove", user=canary.user, profile=profile or canary.profile, seconds=canary.seconds,
                      check=canary.check, auth_state=plain(canary.auth_state), groups=canary.groups, logs=logs,
                      kernel=canary.kernel)
    return f"{away}\nproved() {{\n{ask}}}\nproved || {{ code=$?; {away}; exit $code; }}\n"


def api_command(rack: Rack, wanted: Service, action: str, **more: Any) -> str:
    """Shell text for the gateway that asks the hub's API by its published address. It holds the token: give
    it to a shell's stdin, never to an argv."""
    values = release_values(rack, wanted)
    https = looked_up(values, "proxy", "https") or {}
    tls = bool(https.get("enabled")) and https.get("type") != "offload"
    token = looked_up(rack.secrets.get(wanted.name), "hub", "services", API, "apiToken")
    argument = {"do": action, "address": address_of(rack, wanted), "port": HTTPS if tls else HTTP, "tls": tls,
                "host": wanted.publish, "base": base_url(values),
                "token": token.reveal() if token else "",
                "macs": sorted(link.mac for machine in rack.chicks for link in machine.interfaces.values()), **more}
    packed = b64encode(json.dumps(argument).encode()).decode()
    begin = f"sys.exit(main(json.loads(base64.b64decode({packed!r}))))"
    return f"python3 - <<'COOP'\n{text('hub_client.py')}\n{begin}\nCOOP\n"
