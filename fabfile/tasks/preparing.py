"""What services need before anything is planned: their secrets, what their pages' refs mean now, values that
their charts take. What has to be known for that, rooster is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from fabfile.engine.errors import MachineError
    from fabfile.facts.services import ServiceFacts
    from fabfile.rack import Rack
    from fabfile.rack.services import Service


@dataclass(frozen=True)
class Prepared:
    """A rack with its secrets; the commit of each service's pages; and what a person should hear."""

    rack: Rack
    commits: Mapping[str, str]
    told: tuple[str, ...]


def prepared(rack: Rack, names: Iterable[str] | None = None, *, dry: bool = False,
             renew: bool = True) -> Prepared:
    """Everything that roles need to know of these services, or of all.

    Raises RackProblems when values are not what the chart takes; CoopError when secrets are to be drawn and
    it is not sure that there are none. Secrets that are nowhere are drawn and written to
    configs/secrets.yaml, unless `dry`. Pages that are deployed stay at their commit unless `renew`.
    """
    from dataclasses import replace

    from fabfile.facts.services import parse, question, question_of_hubs
    from fabfile.rack import RackProblems
    from fabfile.rack.chart_schema import values_problems
    from fabfile.rack.release import release_values
    from fabfile.roles.operators import kubeconfig
    from fabfile.tasks.asking import ask

    services = [rack.services[name] for name in (rack.services if names is None else names)]
    if not services:
        return Prepared(rack, {}, ())
    hubs = [service for service in services if service.is_hub]
    answers, errors = ask(rack, {rack.gateway.name: question(services, kubeconfig(rack))}, limit=180.0)
    facts = parse(answers.get(rack.gateway.name, ""))
    if not dry and (unsure := unknown(rack, hubs, facts)):
        if rack.gateway.name in errors:
            raise errors[rack.gateway.name]
        first = rack.leader.name
        answers, errors = ask(rack, {first: question_of_hubs(unsure)})
        facts = replace(facts, secrets={**facts.secrets, **parse(answers.get(first, "")).secrets})
        be_sure(rack, hubs, facts, errors.get(first))
    rack, told = with_secrets(rack, hubs, facts, dry)
    commits, said = _commits(services, facts, renew)
    problems = []
    for service in services:
        chart = facts.charts.get(service.chart.full)
        if chart and chart.schema:
            problems += values_problems(rack, service,
                                        release_values(rack, service, commits.get(service.name, "")),
                                        chart.defaults, chart.schema)
    if problems:
        raise RackProblems(problems)
    return Prepared(rack, commits, (*told, *said))


def _commits(services: Iterable[Service], facts: ServiceFacts, renew: bool) -> tuple[dict[str, str], list[str]]:
    """A ref's commit now; when its repository cannot be asked, the one that is deployed."""
    commits, told = {}, []
    for service in services:
        templates = service.templates
        if templates is None or templates.pinned:
            continue
        now, deployed = facts.refs.get(service.name, ""), facts.deployed.get(service.name, "")
        if deployed and not renew:
            commits[service.name] = deployed
        elif now:
            commits[service.name] = now
        else:
            commits[service.name] = deployed or templates.ref
            then = f"the pages stay at {deployed[:12]}" if deployed else \
                "the hub will try it, and else serve the stock pages"
            told.append(f"{service.name}: {templates.repository} does not say what {templates.ref} is; "
                        f"{then}")
    return commits, told


def unknown(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts) -> list[Service]:
    """The hubs that lack a secret and may hold one where they run."""
    return [hub for hub in hubs if hub.name not in facts.secrets and _missing(rack, hub, {})]


def be_sure(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts, error: MachineError | None) -> None:
    """A hub that runs loses its users' sessions and saved tokens when it is given new secrets: none are drawn
    for one that may hold some. `error` says why its cluster could not be asked."""
    from fabfile.engine.errors import CoopError
    from fabfile.rack.secrets import SECRETS

    if names := ", ".join(hub.name for hub in unknown(rack, hubs, facts)):
        raise CoopError(f"{SECRETS} lacks secrets of {names}, and whether they are in the cluster cannot be asked: "
                        f"{error or 'its API server does not answer'}. Put a copy of the file back, or bring the "
                        "cluster up first: inv cluster.bootstrap --only 'control plane'")


def _missing(rack: Rack, hub: Service, running: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    """The secrets that no file gives."""
    from fabfile.rack.release import looked_up

    written = (rack.secrets.get(hub.name), hub.values)
    return {path: value for path, value in hub_secrets(running).items()
            if not any(looked_up(tree, *path) for tree in written)}


def with_secrets(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts, dry: bool) -> tuple[Rack, list[str]]:
    """The rack with every secret that a hub needs: as written; else as the running hub has it; else drawn."""
    from dataclasses import replace
    from types import MappingProxyType

    from fabfile.rack.merge import overlay
    from fabfile.rack.secrets import hidden

    drawn: dict[str, Any] = {}
    for service in hubs:
        missing = _missing(rack, service, facts.secrets.get(service.name, {}))
        for path, value in missing.items():
            tree = drawn.setdefault(service.name, {})
            for key in path[:-1]:
                tree = tree.setdefault(key, {})
            tree[path[-1]] = value
    if not drawn:
        return rack, []
    whole = MappingProxyType(overlay(rack.secrets, hidden(drawn)))
    if not dry:
        write_secrets(rack.folder, whole)
    taken = [name for name in drawn if facts.secrets.get(name)]
    return replace(rack, secrets=whole), [] if dry else [
        f"configs/secrets.yaml now holds the secrets of {', '.join(drawn)}" +
        (f" ({', '.join(taken)}: as the running hub has them)" if taken else "") +
        "; it is never in git: keep a copy of it"
    ]


def hub_secrets(running: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    """Path in the values → a hub's own secret: the running hub's, else a new one."""
    from secrets import token_hex

    keys = running.get("hub.config.CryptKeeper.keys", "")
    return {
        ("proxy", "secretToken"): running.get("hub.config.ConfigurableHTTPProxy.auth_token") or token_hex(32),
        ("hub", "config", "JupyterHub", "cookie_secret"): running.get("hub.config.JupyterHub.cookie_secret")
        or token_hex(32),
        ("hub", "config", "CryptKeeper", "keys"): keys.split(";") if keys else [token_hex(32)],
        ("hub", "services", "coop", "apiToken"): running.get("hub.services.coop.apiToken") or token_hex(32),
    }


HEADER = ("# Secrets of the rack's services, in their charts' own keys.\n"
          "# Mode 0600, never in git; keep a copy in a safe place.\n")


def write_secrets(folder: Path, secrets: Mapping[str, Any]) -> None:
    """configs/secrets.yaml, beside its place first, for the operator's eyes alone."""
    import os

    import yaml

    from fabfile.rack.secrets import SECRETS, revealed

    place = folder / SECRETS
    new = place.with_name(".secrets.yaml.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(HEADER + yaml.safe_dump(revealed(secrets), sort_keys=False))
        file.flush()
        os.fsync(file.fileno())
    new.replace(place)
