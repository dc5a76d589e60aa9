"""What services need before planning: their secrets, the commits of their pages' refs, values that
their charts accept. The facts for that come from rooster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from fabfile.engine.errors import MachineError
    from fabfile.engine.preparation import Ask
    from fabfile.facts.services import ServiceFacts
    from fabfile.rack import Problem, Rack
    from fabfile.rack.services import Service

    Lacking = Mapping[str, Mapping[tuple[str, ...], Any]]  # hub → path in its values → secret


@dataclass(frozen=True)
class Prepared:
    """A rack with its secrets, and the commit of each service's pages."""

    rack: Rack
    commits: Mapping[str, str]


class Preparing:
    """The preparation (engine/preparation.py) of these services, or of all; `ready` is what came of it.

    A hub's secrets are the file's; what that lacks, the running hub's; what nobody has is drawn. Drawn ones are written
    to configs/secrets.yaml when the hub runs with them, so that what a file says is never another thing than what runs:
    a run that ends early has drawn nothing. Pages that are deployed stay at their commit unless `renew`.
    """

    def __init__(self, rack: Rack, names: Iterable[str] | None = None, *, dry: bool = False, renew: bool = True):
        self.ready = Prepared(rack, {})
        self._rack, self._dry, self._renew = rack, dry, renew
        self._services = [rack.services[name] for name in (rack.services if names is None else names)]
        self._hubs = [service for service in self._services if service.is_hub]
        self._lacking: Lacking = {}

    def before(self, ask: Ask) -> list[str]:
        """Raises WrongUsage when values are not what their chart takes; Unprepared when secrets are to be drawn and it is
        not sure that there are none."""
        from fabfile.engine.errors import WrongUsage

        if not self._services:
            return []
        self._read_again()
        facts = self._facts(ask)
        self._lacking = lacking(self._rack, self._hubs, facts)
        rack = with_secrets(self._rack, self._lacking)
        commits, told = _commits(self._services, facts, self._renew)
        if problems := list(_problems(rack, self._services, commits, facts)):
            from fabfile.rack import RackProblems
            raise WrongUsage(str(RackProblems(problems)))
        self.ready = Prepared(rack, commits)
        return [*told, *([] if self._dry else self._kept(facts))]

    def after(self, ask: Ask) -> list[str]:
        from fabfile.facts.services import question_of_hubs

        if not self._lacking:
            return []
        hubs = [hub for hub in self._hubs if hub.name in self._lacking]
        return self._kept(_parsed(ask(self._rack.leader, question_of_hubs(hubs), 60.0)))

    def _read_again(self) -> None:
        """The secrets as the file has them now: whoever had the lock before may have written it. Raises WrongUsage."""
        from dataclasses import replace

        from fabfile.engine.errors import WrongUsage
        from fabfile.rack import RackProblems
        from fabfile.rack.secrets import read_secrets

        document, secrets = read_secrets(self._rack.folder)
        if document.problems:
            raise WrongUsage(str(RackProblems(document.problems)))
        self._rack = replace(self._rack, secrets=secrets)

    def _facts(self, ask: Ask) -> ServiceFacts:
        from dataclasses import replace

        from fabfile.engine.errors import MachineError
        from fabfile.facts.services import question, question_of_hubs
        from fabfile.roles.operators import kubeconfig

        try:
            facts = _parsed(ask(self._rack.gateway, question(self._services, kubeconfig(self._rack)), 180.0))
        except MachineError:
            if not self._dry:
                raise
            return _parsed("")  # a dry run tells by itself who cannot be reached
        # a new rooster has neither kubectl nor git: the pages of a hub that runs stay at their commit all the same
        unsure = {hub.name: hub for hub in self._hubs if hub.templates and not hub.templates.pinned
                  and hub.name not in facts.secrets and hub.name not in facts.refs}
        unsure |= {hub.name: hub for hub in unknown(self._rack, self._hubs, facts)}
        if self._dry or not unsure:
            return facts
        error = None
        try:
            found = _parsed(ask(self._rack.leader, question_of_hubs(unsure.values()), 60.0))
            facts = replace(facts, secrets={**facts.secrets, **found.secrets}, deployed={**facts.deployed, **found.deployed})
        except MachineError as told:
            error = told
        be_sure(self._rack, self._hubs, facts, error)
        return facts

    def _kept(self, facts: ServiceFacts) -> list[str]:
        """Writes the secrets that hubs run with by now, and the file lacks."""
        from fabfile.tasks.local_files import alone

        running = {name: values for name, values in self._lacking.items()
                   if values == {path: hub_secrets(facts.secrets.get(name, {}))[path] for path in values}}
        if not running:
            return []
        with alone(self._rack.folder):
            self._read_again()  # a person may have written something meanwhile
            self._rack = with_secrets(self._rack, running)
            write_secrets(self._rack.folder, self._rack.secrets)
        self._lacking = {name: values for name, values in self._lacking.items() if name not in running}
        return [f"configs/secrets.yaml now holds the secrets of {', '.join(running)}, as the running hub has them; "
                "it is never in git: keep a copy of it"]


def _parsed(answer: str) -> ServiceFacts:
    from fabfile.facts.services import parse

    return parse(answer)


def _problems(rack: Rack, services: Iterable[Service], commits: Mapping[str, str], facts: ServiceFacts) -> Iterator[Problem]:
    """Values that are not what a chart takes."""
    from fabfile.upstream.chart_schema import values_problems
    from fabfile.upstream.release import release_values

    for service in services:
        chart = facts.charts.get(service.chart.full)
        if chart and chart.schema:
            yield from values_problems(rack, service, release_values(rack, service, commits.get(service.name, "")),
                                       chart.defaults, chart.schema)


def _commits(services: Iterable[Service], facts: ServiceFacts, renew: bool) -> tuple[dict[str, str], list[str]]:
    """A ref's commit now; when its repository cannot be asked, the one that is deployed. On a first bootstrap rooster has
    no git yet, which is nothing to tell: the hub's pod looks the ref up when it starts."""
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
                "the hub looks again when it starts, and shows JupyterHub's own pages if it finds nothing"
            if deployed or service.name in facts.refs:
                told.append(f"{service.name}: {templates.ref} could not be looked up in {templates.repository}; {then}")
    return commits, told


def unknown(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts) -> list[Service]:
    """The hubs that lack a secret and may hold one where they run."""
    return [hub for hub in hubs if hub.name not in facts.secrets and _missing(rack, hub, {})]


def be_sure(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts, error: MachineError | None) -> None:
    """A hub that runs loses its users' sessions and saved tokens when it is given new secrets: none are drawn
    for one that may hold some. `error` says why its cluster could not be asked."""
    from fabfile.engine.errors import Unprepared
    from fabfile.rack.files import SECRETS

    if names := ", ".join(hub.name for hub in unknown(rack, hubs, facts)):
        raise Unprepared(f"{SECRETS} lacks secrets of {names}, and the cluster cannot be queried for them: "
                        f"{error or 'its API server does not answer'}. Restore a copy of the file, or bring the "
                        "cluster up first: inv cluster.bootstrap --only 'control plane'")


def _missing(rack: Rack, hub: Service, running: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    """The secrets that no file gives."""
    from fabfile.upstream.release import looked_up

    written = (rack.secrets.get(hub.name), hub.values)
    return {path: value for path, value in hub_secrets(running).items()
            if not any(looked_up(tree, *path) for tree in written)}


def lacking(rack: Rack, hubs: Iterable[Service], facts: ServiceFacts) -> Lacking:
    """By hub, the secrets that no file gives: as the running hub has them, else drawn."""
    found = {hub.name: _missing(rack, hub, facts.secrets.get(hub.name, {})) for hub in hubs}
    return {name: values for name, values in found.items() if values}


def with_secrets(rack: Rack, secrets: Lacking) -> Rack:
    """The rack with these, too."""
    from dataclasses import replace
    from types import MappingProxyType

    from fabfile.rack.merge import overlay
    from fabfile.rack.secrets import hidden

    more: dict[str, Any] = {}
    for name, values in secrets.items():
        for path, value in values.items():
            tree = more.setdefault(name, {})
            for key in path[:-1]:
                tree = tree.setdefault(key, {})
            tree[path[-1]] = value
    return replace(rack, secrets=MappingProxyType(overlay(rack.secrets, hidden(more)))) if more else rack


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
    """configs/secrets.yaml, for the operator's eyes alone."""
    import yaml

    from fabfile.rack.files import SECRETS
    from fabfile.rack.secrets import revealed
    from fabfile.tasks.local_files import write

    write(folder / SECRETS, HEADER + yaml.safe_dump(revealed(secrets), sort_keys=False), 0o600)
