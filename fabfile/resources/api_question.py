"""Querying the API server with curl and the machine's own certificate: a tenth of kubectl's cost, in a probe of every run."""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

from fabfile.upstream.paths import ADMIN_CONF, PKI

# Sets $s, the API server that the machine's kubelet asks, and $ca, where kubelet has the cluster's authority.
KUBELET_ASKS = (
    "set -- $(sed -n 's/^ *server: //p; s/^ *clientCAFile: *//p' /etc/kubernetes/kubelet.conf /var/lib/kubelet/config.yaml 2>/dev/null)\n"
    f's=${{1-}} ca=${{2:-{PKI}/ca.crt}}')
# the machine's own name in the cluster: a node may read what its kubelet and its pods are made from
_CLIENT = '--cacert "$ca" --cert /var/lib/kubelet/pki/kubelet-client-current.pem'
ADMIN = f"kubectl --kubeconfig {ADMIN_CONF}"


def question(*paths: str, beside: str = "") -> str:
    """Shell text that prints the objects at these paths of the API, one a line, or curl's words why not; nothing on
    a machine that is no member. `beside` is one more address, asked last by the same curl.

    A node may read what its pods mount; until the first such pod is on it, right after `kubeadm init`, the
    administrator asks, where there is one.
    """
    asked = " ".join([*(f'"$s{path}{"&" if "?" in path else "?"}pretty=false"' for path in paths), beside])
    again = "; ".join([*(f"{ADMIN} --request-timeout=10s get --raw {quote(path)} 2>&1 || :; echo" for path in paths),
                       *([f"curl -sS --max-time 10 -w '\\n' {beside} 2>&1 || :"] if beside else [])])
    return (
        "if [ -r /etc/kubernetes/kubelet.conf ] && command -v curl >/dev/null; then\n"
        f"{KUBELET_ASKS}\n"
        f"d=$(curl -sS --max-time 10 {_CLIENT} -w '\\n' {asked.rstrip()} 2>&1) || :\n"
        "case $d in\n"
        f"*' is forbidden: '*'no relationship found'*) [ -r {ADMIN_CONF} ] && {{ {again}; }} || printf '%s\\n' \"$d\" ;;\n"
        "*) printf '%s\\n' \"$d\" ;;\n"
        "esac\n"
        "fi"
    )


def ready(address: str) -> str:
    """Shell text that is true when the API server at ADDRESS:PORT says that it is ready. One command, that a loop may repeat."""
    return f"{{ {KUBELET_ASKS.replace(chr(10), '; ')}; curl -fs --max-time 5 -o /dev/null {_CLIENT} https://{address}/readyz; }}"


def objects(facts: str) -> dict[str, dict[str, Any]]:
    """What was found, by "Kind/name". Raises ValueError with what the API or curl said when something is missing."""
    found = {}
    for line in facts.splitlines():
        if not line.startswith("{"):
            if line.strip():
                raise ValueError(line.strip())
            continue
        one = json.loads(line)
        if one.get("kind") == "Status":
            raise ValueError(one.get("message") or line)
        found[f"{one['kind']}/{one['metadata'].get('name', '')}"] = one
    return found
