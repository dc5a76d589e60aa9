"""What rooster knows of services before planning: charts, secrets of running hubs, commits of refs."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from fabfile.facts.sections import sections
from fabfile.rack.services import Chart, Service
from fabfile.secret import Secret
from fabfile.upstream.paths import ADMIN_CONF

_HELD = ("hub.config.ConfigurableHTTPProxy.auth_token", "hub.config.JupyterHub.cookie_secret",
         "hub.config.CryptKeeper.keys", "hub.services.coop.apiToken")

_PART = "part() { printf '\\n== %s %s\\n' \"$1\" \"$2\"; }"
_DEPLOYED = "jsonpath={.spec.template.spec.initContainers[?(@.name=='pages')].env[?(@.name=='COMMIT')].value}"


@dataclass(frozen=True)
class ChartFacts:
    """What a chart says of its values."""

    defaults: Mapping[str, Any]
    schema: Mapping[str, Any] | None


@dataclass(frozen=True)
class ServiceFacts:
    """By service's name, but charts by theirs ("jupyterhub-4.4.0"). What is not known is not there: a hub that
    is known to hold no secrets has an empty entry, a cluster that does not answer leaves none. A ref
    that git did not find is empty; before rooster has git, there is none."""

    charts: Mapping[str, ChartFacts]
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    refs: Mapping[str, str]
    deployed: Mapping[str, str]


def question(services: Iterable[Service], kubeconfig: str) -> str:
    """Shell text; a chart that is not there yet is fetched, looked into, and thrown away."""
    services = list(services)
    charts = {service.chart.full: service.chart for service in services}
    return "\n".join([
        _PART, f"KUBECONFIG={kubeconfig}; export KUBECONFIG",
        *(line for chart in charts.values() for line in _of_a_chart(chart)),
        *(line for service in services for line in _of_a_service(service)), "part end .",
    ])


def _of_a_chart(chart: Chart) -> Iterable[str]:
    where = f"{chart.name} --repo {quote(chart.repository)}"
    if chart.repository.startswith("oci:"):
        where = quote(f"{chart.repository.rstrip('/')}/{chart.name}")
    yield f"c={chart.path}; t="
    yield 'if [ ! -r "$c" ] && command -v helm >/dev/null; then t=$(mktemp -d)'
    yield f'HELM_CACHE_HOME="$t" helm pull {where} --version {quote(chart.version)} --destination "$t" >/dev/null 2>&1'
    yield 'c=$(ls "$t"/*.tgz 2>/dev/null); fi'
    yield f'if [ -r "$c" ]; then part schema {chart.full}'
    yield f'tar -xzOf "$c" {chart.name}/values.schema.json 2>/dev/null'
    yield f'part defaults {chart.full}; tar -xzOf "$c" {chart.name}/values.yaml 2>/dev/null; fi'
    yield '[ -z "$t" ] || rm -rf "$t"'


def _of_a_service(service: Service) -> Iterable[str]:
    if service.templates and not service.templates.pinned:
        yield (f"if command -v git >/dev/null; then part ref {service.name}; "
               "[ ! -r /etc/coop/proxy.env ] || . /etc/coop/proxy.env; GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote "
               f"{quote(service.templates.repository)} {quote(service.templates.ref)} 2>/dev/null; fi")
    if service.is_hub:
        yield from _of_a_hub(service)


def question_of_hubs(hubs: Iterable[Service]) -> str:
    """Shell text for the first control plane, of what the gateway cannot tell: where no cluster was ever made, no
    hub holds any secret."""
    hubs = list(hubs)
    return "\n".join([
        _PART, f"KUBECONFIG={ADMIN_CONF}; export KUBECONFIG", f"if [ ! -e {ADMIN_CONF} ]; then",
        *(f"part secret {hub.name}" for hub in hubs), "else",
        *(line for hub in hubs for line in _of_a_hub(hub)), "fi", "part end .",
    ])


def _of_a_hub(hub: Service) -> Iterable[str]:
    kubectl = f"kubectl --request-timeout=10s -n {hub.in_namespace} get"
    yield (f"if held=$({kubectl} secret hub --ignore-not-found -o "
           "'go-template={{range $k, $v := .data}}{{$k}} {{$v}}{{\"\\n\"}}{{end}}' 2>/dev/null); then\n"
           f"part secret {hub.name}; printf '%s\\n' \"$held\" | grep -E '^hub[.](config|services)[.]'\n"
           f"part deployed {hub.name}; {kubectl} deployment hub -o {quote(_DEPLOYED)} 2>/dev/null; fi")


def parse(answer: str) -> ServiceFacts:
    """The answer as values."""
    import yaml

    schemas: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    secrets: dict[str, dict[str, str]] = {}
    refs, deployed = {}, {}
    for head, text in sections(answer, "== "):
        kind, _, name = head.partition(" ")
        match kind:
            case "schema" if text.strip():
                schemas[name] = json.loads(text)
            case "defaults":
                defaults[name] = yaml.safe_load(text) or {}
            case "ref":
                refs[name] = next(iter(text.split()), "")
            case "secret":
                pairs = (line.split(" ", 1) for line in text.split("\n") if " " in line)
                secrets[name] = {key: Secret(b64decode(value).decode()).reveal()
                                 for key, value in pairs if key in _HELD}
            case "deployed" if text.strip():
                deployed[name] = text.strip()
    return ServiceFacts({name: ChartFacts(values, schemas.get(name)) for name, values in defaults.items()},
                        secrets, refs, deployed)
