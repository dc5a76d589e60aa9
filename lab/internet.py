"""What the lab's internet answers: the sites of the vendors that a rack asks, names, time. Texts alone.

All of a site is plain files below www/<host>/, so one server block serves them all; a registry of images too,
but for the type that its manifests are told to have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from .authority import certify
from .hub import acme, pages
from .mirror import SECURITY_NAME
from .network import CAMPUS_ROUTER, CLOCK, MIRROR, RESOLVERS, SITES
from .places import Places
from .plan import Program

MIRROR_NAME = "ftp.us.debian.org"
CLOCK_NAME = "pool.ntp.org"  # and all names below it

NGINX = """\
user root;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    log_format sites '$time_iso8601 $remote_addr $status $request_method $scheme://$host$uri $bytes_sent';
    access_log /var/log/nginx/access.log sites;
    server {{
        listen {address}:80;
        listen {address}:443 ssl;
        ssl_certificate /srv/lab/server.crt;
        ssl_certificate_key /srv/lab/server.key;
        root /srv/www/$host;
        location = /v2/ {{
            default_type application/json;
            return 200 '{{}}';
        }}
        location ~ ^/v2/.+/manifests/ {{
            types {{ }}
            default_type application/vnd.oci.image.manifest.v1+json;
        }}
    }}
{more}}}
"""

CHRONY = """\
local stratum 8
allow all
bindaddress {address}
cmdport 0
pidfile /run/chronyd.pid
"""


def dnsmasq(hosts: Iterable[str], published: Mapping[str, str] | None = None) -> str:
    """Settings of a name server that knows sites, mirror, clocks and what the rack publishes (name → address), and
    denies any other name."""
    lines = ["no-resolv", "no-hosts", "bind-interfaces", "user=root", "pid-file=", "log-facility=-"]
    lines += [f"listen-address={address}" for address in (CAMPUS_ROUTER, *RESOLVERS)]
    lines += [f"address=/{host}/{SITES}" for host in sorted(hosts)]
    lines += [f"address=/{name}/{address}" for name, address in sorted((published or {}).items())]
    lines += [f"address=/{MIRROR_NAME}/{MIRROR}", f"address=/{SECURITY_NAME}/{MIRROR}", f"address=/{CLOCK_NAME}/{CLOCK}", "address=/#/"]
    return "\n".join(lines) + "\n"


def published(places: Places) -> dict[str, str]:
    """The names that the rack publishes, and the address of each, as who owns the domain would tell the world."""
    import yaml

    plan = yaml.safe_load((places.rack / "configs/network.yaml").read_text())
    gateway = yaml.safe_load((places.rack / "hosts.yaml").read_text())["machines"]["rooster"]
    first = next(each["address"].partition("/")[0] for each in gateway["interfaces"].values() if "gateway" in each)
    return {name: row.get("public", first) for name, row in (plan.get("publish") or {}).items()}


def programs(places: Places, www: Path, layers: tuple[Path, ...], authority: tuple[Path, ...]) -> tuple[Program, ...]:
    """Write the settings of the internet's programs, and say how each is run; `authority` are Pebble's layers."""
    hosts = sorted([*(folder.name for folder in www.iterdir() if folder.is_dir()), *acme.HOSTS])
    settings = places.internet / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    certify(places.authority, hosts, settings)
    (settings / "nginx.conf").write_text(NGINX.format(address=SITES, more=acme.server_block(SITES, SITES)))
    (settings / "dnsmasq.conf").write_text(dnsmasq(hosts, published(places)))
    (settings / "pebble.json").write_text(acme.settings(SITES))
    (settings / "chrony.conf").write_text(CHRONY.format(address=CLOCK))
    shares = {"srv/lab": settings}
    return (
        Program("web", ("/usr/sbin/nginx", "-c", "/srv/lab/nginx.conf", "-g", "daemon off;"), layers,
                {**shares, "srv/www": www, **pages.own_copy(www, places.git)}),
        Program("names", ("/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/srv/lab/dnsmasq.conf"),
                layers, shares),
        Program("clock", ("/usr/sbin/chronyd", "-d", "-x", "-u", "root", "-f", "/srv/lab/chrony.conf"),
                layers, shares),
        Program("authority", acme.command(CAMPUS_ROUTER), authority, shares),
    )
