"""One look at the whole rack: every machine is asked at the same time, in one write; rooster also about hubs and published names."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.errors import MachineError
    from fabfile.engine.ways import SshWays
    from fabfile.facts.cluster import ClusterState
    from fabfile.facts.look import Look, Unreachable
    from fabfile.rack import Machine, Rack

_PART = "#part "
CUT = "cut short"  # the part that names those that were ended
LIMIT = 60.0  # seconds that a machine may take to answer all
ENOUGH = 30  # seconds for one of its parts: what that has told until then counts


def look(rack: Rack, ways: SshWays, more: str = "") -> tuple[Look, dict[str, dict[str, str]]]:
    """What can be seen now, and each machine's answers by part, as they came. A machine that is meant to be off is left out, and so
    is a file server whose host key is not pinned. `more`: shell text that each machine runs too, for a part called "more"."""
    from time import time

    from fabfile.facts import machine
    from fabfile.facts.file_server import parse as parse_file_server
    from fabfile.facts.hub import parse as parse_hub
    from fabfile.facts.look import Look
    from fabfile.facts.published import parse as parse_published
    from fabfile.tasks.queries import ask
    from fabfile.tasks.storage import wanted_of

    asked = [one for one in rack.machines.values() if not one.expected_off and (one is rack.gateway or one.is_member or one.host_key)]
    answers, errors = ask(rack, {one.name: question(rack, one, more) for one in asked}, LIMIT, ways)
    parts = {name: said for name, answer in answers.items() if "machine" in (said := parts_of(answer))}
    silent = unreachable(errors) | {name: _untold(name, answer) for name, answer in answers.items() if name not in parts}
    cluster = _cluster(rack, ways, parts)
    of_rooster = parts.get(rack.gateway.name, {})
    return Look(rack, time(), {name: machine.parse(name, said["machine"]) for name, said in parts.items()}, silent, cluster,
                {name.removeprefix("hub "): parse_hub(name.removeprefix("hub "), said) for name, said in of_rooster.items()
                 if name.startswith("hub ")},
                parse_published(of_rooster["published"]) if "published" in of_rooster else {},
                {name: (wanted_of(rack, rack.machine(name)), parse_file_server(name, said["file server"]))
                 for name, said in parts.items() if "file server" in said},
                {name: tuple(filter(None, said[CUT].splitlines())) for name, said in parts.items() if said.get(CUT, "").strip()}), parts


def _cluster(rack: Rack, ways: SshWays, parts: dict[str, dict[str, str]]) -> ClusterState | None:
    """The cluster, as a control plane tells it; None where none can be asked. If each that answered leaves it to an earlier one,
    whose API server answers and which cannot be asked itself, one of them is asked again."""
    from fabfile.facts import cluster
    from fabfile.tasks.queries import ask

    asked = [one.name for one in rack.control_planes if one.name in parts]
    if asked and not any(parts[name].get("cluster", "").strip() for name in asked):
        one = next((name for name in asked if "control-plane\tyes" in parts[name].get("machine", "")), asked[0])
        answers, _ = ask(rack, {one: together({"cluster": cluster.question()}, ENOUGH)}, LIMIT, ways)
        for told in map(parts_of, answers.values()):
            parts[one] |= {"cluster": told["cluster"], CUT: parts[one].get(CUT, "") + told.get(CUT, "")}
    states = [cluster.parse(said) for name in asked if (said := parts[name].get("cluster", "")).strip()]
    return next((state for state in states if state.api), states[0] if states else None)


def unreachable(errors: Mapping[str, MachineError]) -> dict[str, Unreachable]:
    """Who could not be asked, and why."""
    from fabfile.facts.look import Unreachable

    return {name: Unreachable(type(error).__name__, error.problem, error.hint) for name, error in errors.items()}


def _untold(name: str, answer: str) -> Unreachable:
    """A machine that answers, and has no room for what its parts say."""
    from fabfile.facts.look import Unreachable

    return Unreachable("NoShell", f"it cannot tell what it is asked: {' '.join(answer.split())[:300] or 'it says nothing'}",
                       f"fab -H {name} -- df -h /run shows whether it is full")


def question(rack: Rack, machine: Machine, more: str = "") -> str:
    """All that one machine is asked, its parts at the same time."""
    from fabfile.facts import cluster
    from fabfile.facts import machine as facts
    from fabfile.facts.file_server import question as of_file_server
    from fabfile.facts.hub import question as of_hub
    from fabfile.facts.published import question as of_published
    from fabfile.roles.hub import api_command
    from fabfile.roles.operators import kubeconfig
    from fabfile.roles.publishing import published_rows
    from fabfile.tasks.storage import wanted_of

    texts = {"machine": facts.question(rack, machine)}
    if machine in rack.control_planes:
        texts["cluster"] = f"{_unless_earlier(rack, machine)}{cluster.question()}"
    if machine is rack.gateway:
        texts |= {f"hub {name}": of_hub(hub, kubeconfig(rack), api_command(rack, hub, "info"))
                  for name, hub in rack.services.items() if hub.is_hub}
        if rack.network.publish:
            texts["published"] = of_published(published_rows(rack), rack.gateway.inner.name)
    if machine in rack.file_servers:
        texts["file server"] = of_file_server(wanted_of(rack, machine))
    texts |= {"more": more} if more else {}
    return together(texts, ENOUGH)


def together(texts: Mapping[str, str], limit: int, folder: str = "/run") -> str:
    """Shell text that runs these at the same time, and prints what each said behind its name; in a last part which of them were
    ended after `limit` seconds."""
    asked = [f"(\n{text}\n) >\"$looked/{number}\" 2>&1 & pids=\"$pids $!\"" for number, text in enumerate(texts.values())]
    told = [f"echo '{_PART}{name}'; cat \"$looked/{number}\"; echo" for number, name in enumerate([*texts, CUT])]
    last = f"\"$looked/{len(texts)}\""
    end = f"! kill -0 $1 || {{ echo \"$name\" >>{last}; kill $1; }}"
    cut = f"set -- $pids; for name in {' '.join(map(quote, texts))}; do {end}; shift; done"
    return "\n".join([
        f"looked=$(mktemp -d {folder}/coop-look.XXXXXX) || exit 1", f"pids=; : >{last}", *asked,
        f"( sleep {limit}; {cut} ) >/dev/null 2>&1 & watch=$!", "wait $pids; kill $watch 2>/dev/null", *told, 'rm -rf "$looked"'])


def parts_of(answer: str) -> dict[str, str]:
    """By name what each of them said, secrets masked."""
    from fabfile.facts.sections import sections
    from fabfile.secret import mask

    return dict(sections(mask(answer), _PART))


def _unless_earlier(rack: Rack, machine: Machine) -> str:
    """Shell text that ends where an earlier control plane answers: the cluster is asked once."""
    from fabfile.rack.cluster import API_PORT

    earlier = [f"https://{one.address()}:{API_PORT}/readyz" for one in rack.control_planes[:rack.control_planes.index(machine)]
               if not one.expected_off]
    return "".join(f"! curl -fsk --noproxy '*' --max-time 2 -o /dev/null {url} || exit 0\n" for url in earlier)
