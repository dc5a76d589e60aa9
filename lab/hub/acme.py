"""A certificate authority that speaks ACME, at Let's Encrypt's own address: Pebble behind nginx.

    `command`        Pebble's command line, to be run in the internet's namespace
    `settings`       pebble.json
    `server_block`   nginx's text: the names of HOSTS pass on to Pebble

It truly asks the name's port 80, from the lab's outside, as Let's Encrypt does. What it issues is signed by a
root that it draws at each start; GET https://ADDRESS:15000/roots/0 gives it, for who wants to check a chain.
"""

from __future__ import annotations

import json

#: Let's Encrypt's names: the chart's default asks the first, a careful operator the second.
HOSTS = ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org")

#: For speed: no delay before a challenge is looked at, no nonce refused for practice. Nothing else is easier.
ENVIRONMENT = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}

SERVER = """\
server {{
    listen {listen}:443 ssl;
    server_name {hosts};
    ssl_certificate {folder}/server.crt;
    ssl_certificate_key {folder}/server.key;
    location = /directory {{
        proxy_pass https://{pebble}:14000/dir;
        proxy_set_header Host $host;
    }}
    location / {{
        proxy_pass https://{pebble}:14000;
        proxy_set_header Host $host;
    }}
}}
"""


def settings(address: str, folder: str = "/srv/lab") -> str:
    """pebble.json: it listens on `address`, with the lab's own server certificate of `folder`.

    Challenges go to ports 80 and 443, where the world would send them.
    """
    return json.dumps(
        {
            "pebble": {
                "listenAddress": f"{address}:14000",
                "managementListenAddress": f"{address}:15000",
                "certificate": f"{folder}/server.crt",
                "privateKey": f"{folder}/server.key",
                "httpPort": 80,
                "tlsPort": 443,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False,
            }
        },
        indent=1,
    )


def server_block(listen: str, pebble: str, folder: str = "/srv/lab") -> str:
    """nginx's server for HOSTS at `listen`, passing on to Pebble at `pebble`; `folder` has the certificate."""
    return SERVER.format(listen=listen, hosts=" ".join(HOSTS), pebble=pebble, folder=folder)


def command(resolver: str) -> tuple[str, ...]:
    """Pebble's command line; it asks `resolver` for the names whose certificates are wanted."""
    setting = (f"{name}={value}" for name, value in ENVIRONMENT.items())
    return (
        "/usr/bin/env",
        *setting,
        "/usr/bin/pebble",
        "-config",
        "/srv/lab/pebble.json",
        "-dnsserver",
        f"{resolver}:53",
        "-strict",
    )
