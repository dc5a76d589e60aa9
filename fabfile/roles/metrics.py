"""Metrics: Prometheus on rooster reads an exporter of every machine, asks the API servers and the published names by the blackbox
exporter, and has Alertmanager tell those of configs/watch.yaml. All of it is Debian's, and outside the cluster that it watches.

    every machine   prometheus-node-exporter at its inner address, for rooster alone
    rooster         Prometheus, Alertmanager and the blackbox exporter at 127.0.0.1, for whoever comes by `ssh -L`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fabfile.finding import Severity
from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.rack.publishing import BY_NAME, HTTPS
from fabfile.rack.watching import Retention, address_of, password_of
from fabfile.resources import Absent, Check, File, FreePorts, IfThere, Nftables, Packages, Resource, Unit
from fabfile.roles.publishing import published_rows
from fabfile.roles.rendering import render
from fabfile.secret import Secret

EXPORTER, PORT = "prometheus-node-exporter", 9100
PROGRAMS = {"prometheus": 9090, "prometheus-alertmanager": 9093, "prometheus-blackbox-exporter": 9115}  # rooster's
OURS = "/etc/coop/metrics"  # these units run for Coop where this is
FILTER, UNIT = "/etc/coop/metrics.nft", "/etc/systemd/system/coop-metrics.service"
SETTINGS = "/etc/prometheus"
RULES, MESSAGES = f"{SETTINGS}/coop.rules.yml", f"{SETTINGS}/alertmanager_templates/coop.tmpl"
PASSWORD, WEBHOOK = f"{SETTINGS}/coop-mail-password", f"{SETTINGS}/coop-webhook"
# the package's own, and kubelet's: pods mount what is no disk of the machine
NO_DISKS = "^/(dev|proc|run|sys|mnt|media|var/lib/(docker|containers|kubelet))($|/)"


def metrics(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A machine's part. Where the rack has no metrics any more, their end: what Coop has begun is stopped, packages and what was
    measured stay."""
    if rack.metrics is not None:
        yield from _exporter(rack, machine)
        if machine is rack.gateway:
            yield from _rooster(rack, rack.metrics.retention)
        return
    for program in (EXPORTER, *(PROGRAMS if machine is rack.gateway else ())):
        yield IfThere(OURS, Unit(program, running=False, enabled=False))
    yield IfThere(UNIT, Unit("coop-metrics", running=False, enabled=False))
    for path in (UNIT, FILTER, OURS):
        yield Absent(path)


def _exporter(rack: Rack, machine: Machine) -> Iterator[Resource]:
    yield FreePorts({f"{PORT}/tcp": EXPORTER}, (EXPORTER,), (str(machine.address()),))
    yield _arguments(EXPORTER, f"--web.listen-address={machine.address()}:{PORT}",
                     f"--collector.filesystem.mount-points-exclude={NO_DISKS}")
    yield Packages({"dbus": None, "nftables": None, EXPORTER: None})
    yield File(OURS, "Metrics are configured by Coop, and end with `metrics` in configs/watch.yaml.\n")
    if machine in rack.chicks:  # the others' packet filters let nobody else in
        yield Nftables(render("chick/etc/coop/metrics.nft", gateway=rack.gateway.address(), port=PORT), FILTER)
        yield File(UNIT, render("chick/etc/systemd/system/coop-metrics.service", rules=FILTER))
        yield Unit("coop-metrics", watches=(UNIT,))
    yield Unit(EXPORTER, watches=(_defaults(EXPORTER),))


def _rooster(rack: Rack, kept: Retention) -> Iterator[Resource]:
    """Debian starts a package's program as it comes: where it listens is said before."""
    prometheus, alertmanager, blackbox = PROGRAMS
    yield FreePorts({f"{port}/tcp": name for name, port in PROGRAMS.items()}, tuple(PROGRAMS), ("127.0.0.1",))
    yield _arguments(prometheus, f"--web.listen-address={_at(prometheus)}",
                     *(f"--storage.tsdb.retention.{key}={value}" for key, value in kept))
    yield _arguments(alertmanager, f"--web.listen-address={_at(alertmanager)}", "--cluster.listen-address=")
    yield _arguments(blackbox, f"--web.listen-address={_at(blackbox)}", f"--config.file={SETTINGS}/blackbox.yml",
                     "--log.prober=warn")
    yield Packages(dict.fromkeys(PROGRAMS))
    yield from _told(rack)
    yield from _settings(rack)
    for name, path, files in ((blackbox, "/-/healthy", (f"{SETTINGS}/blackbox.yml",)),
                              (alertmanager, "/-/ready", (MESSAGES, f"{SETTINGS}/alertmanager.yml")),
                              (prometheus, "/-/ready", (RULES, f"{SETTINGS}/prometheus.yml"))):
        yield Unit(name, watches=(_defaults(name), *files), answers=f"curl -fs --noproxy '*' -o /dev/null http://{_at(name)}{path}")


def _settings(rack: Rack) -> Iterator[Resource]:
    """What Prometheus and the blackbox exporter read: rules first, since the settings name them."""
    yield File(f"{SETTINGS}/blackbox.yml", render("rooster/etc/prometheus/blackbox.yml"), asks=True,
               check="prometheus-blackbox-exporter --config.check --config.file={}")
    yield File(RULES, render("rooster/etc/prometheus/coop.rules.yml"), check="promtool check rules {}")
    yield File(f"{SETTINGS}/prometheus.yml", render(
        "rooster/etc/prometheus/prometheus.yml", rack=rack, rules=RULES, machines=watched(rack), port=PORT,
        asked={"api": list(_api(rack)), "published": list(_published(rack))},
        alertmanager=_at("prometheus-alertmanager"), blackbox=_at("prometheus-blackbox-exporter")),
        check="promtool check config {}", asks=True)


def _told(rack: Rack) -> Iterator[Resource]:
    """Alertmanager's settings. Secrets are in files of their own, so that a plan can show the rest."""
    watching = rack.watching
    assert watching is not None
    webhook, password = address_of(rack.secrets, watching, "webhook"), password_of(rack.secrets)
    logs_in = watching.mail is not None and watching.mail.user is not None
    for path, wanted, secret in ((WEBHOOK, bool(webhook), webhook and Secret(webhook)), (PASSWORD, logs_in, password)):
        if not wanted:
            yield Absent(path)
        elif secret:  # whoever does not know it leaves it as it is
            yield File(path, secret, owner="prometheus", group="prometheus")
    yield File(MESSAGES, render("rooster/etc/prometheus/alertmanager_templates/coop.tmpl"))
    least = Severity[watching.harm.upper()]
    yield File(f"{SETTINGS}/alertmanager.yml", render(
        "rooster/etc/prometheus/alertmanager.yml", rack=rack, mail=watching.mail, password=PASSWORD, messages=MESSAGES,
        webhook=WEBHOOK if webhook else "", told=[one.name.lower() for one in Severity if one >= least],
        host=f"{rack.gateway.name}.{rack.network.domain}"), check="amtool check-config {}", asks=True)


def watched(rack: Rack) -> list[Machine]:
    """The machines that have an exporter: all that Coop sets up, but those that are meant to be off."""
    set_up = (rack.gateway, *rack.chicks, *rack.file_servers)
    return [machine for machine in rack.by_address if machine in set_up and not machine.expected_off]


def _api(rack: Rack) -> Iterator[tuple[str, str, str]]:
    """Each API server: its machine, where it is asked, and by no other name."""
    for machine in watched(rack):
        if machine in rack.control_planes:
            yield machine.name, f"https://{machine.address()}:{API_PORT}/readyz", ""


def _published(rack: Rack) -> Iterator[tuple[str, str, str]]:
    """Each published name that a browser may ask for, at its public address. Names below a domain have no one name to ask for."""
    for row in published_rows(rack):
        port = HTTPS if HTTPS in row.ports else next((port for port in row.ports if port in BY_NAME), None)
        if port and not row.name.startswith("*"):
            yield row.name, f"{'https' if port == HTTPS else 'http'}://{row.public}/", row.name


def _arguments(program: str, *arguments: str) -> File:
    return File(_defaults(program), render("every/etc/default/arguments", arguments=arguments), asks=True)


def _defaults(program: str) -> str:
    return f"/etc/default/{program}"


def _at(program: str) -> str:
    return f"127.0.0.1:{PROGRAMS[program]}"


def asked_by_rooster(rack: Rack) -> tuple[str, ...]:
    """What no other packet filter of a machine may drop: "9100/tcp"."""
    return (f"{PORT}/tcp",) if rack.metrics else ()


def exporters_answer(rack: Rack, machines: Iterable[Machine]) -> Iterator[Check]:
    """rooster reads what each of these machines tells."""
    for machine in machines if rack.metrics else ():
        yield Check(f"{rack.gateway.name} reads the metrics of {machine.name}", rack.gateway.name,
                    f"curl -fsS --noproxy '*' --max-time 5 -o /dev/null http://{machine.address()}:{PORT}/ 2>&1", about=(machine.name,))
