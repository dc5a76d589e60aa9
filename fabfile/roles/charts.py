"""Helm on the gateway, the charts that it installs, and their releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Any

import yaml

from fabfile.rack import Machine, Rack
from fabfile.rack.services import Chart
from fabfile.resources import Download, HelmChart, HelmRelease, Packages, Ran, Resource, Symlink
from fabfile.roles.operators import kubeconfig

PROGRAMS = "/usr/local/lib/coop"


def helm(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """Helm at the rack's version, beside the ones before it; git and Python, for what is asked of hubs from
    here."""
    version = rack.versions.helm
    if version is None:
        return
    yield Packages({"ca-certificates": None, "curl": None, "git": None, "procps": None, "python3": None})
    archive = f"/var/lib/coop/downloads/{version.url.rpartition('/')[2]}"
    if version.sha256:
        yield Download(version.url, version.sha256, archive)
    else:
        yield Ran("helm's archive, verified by the published checksum",
                  (f"mkdir -p {archive.rpartition('/')[0]}\n"
                   "curl -fsSL --retry 5 --retry-connrefused --connect-timeout 20 --max-time 540 "
                   f"-o {{}} -- {quote(version.url)}\n"
                   f"sum=$(curl -fsSL --max-time 60 -- {quote(f'{version.url}.sha256sum')}); "
                   "echo \"${sum%% *}  \"{} | sha256sum --check --status"), archive, long=True, limit=600.0)
    program = f"{PROGRAMS}/helm-{version.version}"
    yield Ran("unpack helm",
              f"mkdir -p {PROGRAMS}; tar -xzOf {archive} --wildcards '*/helm' >{{}}; chmod 0755 {{}}",
              program, limit=120.0)
    yield Symlink("/usr/local/bin/helm", program)


def chart(wanted: Chart) -> HelmChart:
    """The packed chart on the gateway."""
    return HelmChart(wanted.name, wanted.version, wanted.repository, wanted.path, wanted.sha256 or "")


def release(rack: Rack, name: str, namespace: str, wanted: Chart, values: dict[str, Any],
            **more: Any) -> HelmRelease:
    """A release of the chart by the operators' own right."""
    return HelmRelease(name, namespace, wanted.path, wanted.full, dump_values(values), kubeconfig(rack),
                       **more)


class _Dumper(yaml.SafeDumper):
    """PyYAML's; text that Go's YAML would read as a number, such as 08154711 or 12e5, is quoted."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _NUMBER.fullmatch(text) else None)


_NUMBER = re.compile(r"[-+]?(0[xXoObB][0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9_]+([eE][-+]?[0-9]+)?)")
_Dumper.add_representer(str, _text)


def dump_values(values: dict[str, Any]) -> str:
    """Values as YAML, always in the same order: the same values are the same text."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=True, width=1000)
