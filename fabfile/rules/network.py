"""The network of nodes and pods: links, addresses, routes, BGP, packet filters."""

from __future__ import annotations

from fabfile.facts.look import Look
from fabfile.finding import Finding, Severity
from fabfile.rules.pods import is_new
from fabfile.rules.rule import Found, apply, on, rule

_TRAFFIC = ("bgp_sessions_missing", "pod_not_ready", "calico_missing")


@rule(here=("machine_unreachable", "node_not_ready", "kubelet_silent", "route_missing", "rooster_silent", "address_missing", *_TRAFFIC))
def link_down(look: Look) -> Found:
    """An interface of hosts.yaml has no link, or is not there."""
    for name, state in look.machines.items():
        for line in state.lines("link"):
            link, carrier, _ = line.split()
            interface = look.rack.machines[name].interfaces.get(link)
            if interface and interface.address and carrier != "1":
                what = f"has no interface {link}" if carrier == "absent" else f"has no link at {link}"
                yield Finding(f"{name} {what}", name, Severity.DOWN if name == look.rack.gateway.name else Severity.DEGRADED,
                              fix=f"check its cable and its switch port; inv rack.scan {name} --check shows what changed")


@rule(here=("node_not_ready", "api_unreachable"))
def address_missing(look: Look) -> Found:
    """A machine does not have the address that hosts.yaml gives it."""
    for name, state in look.machines.items():
        have = set(state.lines("address"))
        for link, interface in look.rack.machines[name].interfaces.items():
            if interface.address and have and f"{link} {interface.address}" not in have:
                yield Finding(f"{name} does not have {interface.address} at {link}", name, Severity.DEGRADED,
                              f"it has {', '.join(sorted(have))}", fix=_fix(look, name))


@rule(here=("internet_unreachable", "resolves_nothing_outside"))
def route_missing(look: Look) -> Found:
    """A machine has no default route, or more than one."""
    for name, state in look.machines.items():
        count = state.text("routes")
        if count not in ("", "1"):
            yield Finding(f"{name} has {'no' if count == '0' else count} default route{'s' if count != '0' else ''}", name,
                          Severity.DEGRADED, "; ".join(state.lines("default")), fix=_fix(look, name))


@rule()
def rooster_silent(look: Look) -> Found:
    """A node does not reach rooster, its way out."""
    for name, state in look.members.items():
        if state.no("way"):
            yield Finding(f"{name} does not reach {look.rack.gateway.name}", name, Severity.DEGRADED,
                          f"no answer from {look.rack.gateway.address()}", fix="inv gateway.apply; " + apply(name))


@rule()
def tunnel_used(look: Look) -> Found:
    """A route of a node goes through a tunnel: pods' packets are smaller and slower than the wire's."""
    for name, state in look.members.items():
        if tunnels := state.lines("tunnel"):
            yield Finding(f"{name} has routes through {', '.join(tunnels)}", name, Severity.NOTICE,
                          fix="inv cluster.bootstrap --only \"pod network\"")


@rule(everywhere=("tunnel_used",))
def pool_encapsulated(look: Look) -> Found:
    """A pool of Calico's is set to use tunnels."""
    for pool in (look.api.pools or ()) if look.api else ():
        if (pool.ipip, pool.vxlan) != ("Never", "Never"):
            yield Finding(f"the pool {pool.name} uses tunnels", f"IPPool {pool.name}", Severity.DEGRADED,
                          f"ipipMode {pool.ipip}, vxlanMode {pool.vxlan}", fix="inv cluster.bootstrap --only \"pod network\"")


@rule(here=_TRAFFIC)
def bgp_port_taken(look: Look) -> Found:
    """Another program than Calico's BIRD listens at port 179."""
    for name, state in look.members.items():
        if taken := [one for one in state.lines("bgp-port") if one != "bird"]:
            yield Finding(f"{taken[0]} on {name} has taken BGP's port 179", name, Severity.DEGRADED,
                          fix=on(name, f"systemctl disable --now {taken[0]}"))


@rule(here=_TRAFFIC)
def firewall_on_node(look: Look) -> Found:
    """A firewall runs on a node beside Calico and kube-proxy."""
    for name, state in look.members.items():
        for wall in state.lines("firewall"):
            yield Finding(f"{wall} runs on {name}, beside Calico", name, Severity.DEGRADED,
                          fix=on(name, f"systemctl disable --now {wall}"))


@rule(here=_TRAFFIC)
def iptables_mixed(look: Look) -> Found:
    """Rules of both iptables backends are loaded: packets go through both, in an order that nobody chose."""
    for name, state in look.members.items():
        if "nf_tables" in state.text("iptables") and state.words("legacy-tables"):
            yield Finding(f"{name} has rules of the old iptables beside those of nftables", name, Severity.DEGRADED,
                          f"tables: {' '.join(state.words('legacy-tables'))}", fix=f"inv node.reboot {name}")


@rule(here=_TRAFFIC)
def mtu_differs(look: Look) -> Found:
    """Pods on a node have another MTU than its link."""
    for name, state in look.members.items():
        wire = {link: mtu for link, _, mtu in (line.split() for line in state.lines("link"))}.get(look.rack.machines[name].inner.name)
        if (pods := state.lines("pod-mtu")) and wire and set(pods) != {wire}:
            yield Finding(f"pods on {name} have an MTU of {' and '.join(pods)}, its link of {wire}", name, Severity.NOTICE,
                          fix="inv cluster.bootstrap --only \"pod network\"")


@rule()
def connections_exhausted(look: Look) -> Found:
    """The kernel's table of connections is nearly full: new ones are dropped."""
    for name, state in look.members.items():
        words = state.words("conntrack")
        if len(words) == 2 and int(words[1]) and int(words[0]) >= 0.9 * int(words[1]):
            yield Finding(f"{name} tracks {words[0]} connections of {words[1]}", name, Severity.DEGRADED,
                          fix="raise conntrack.maxPerCore under KubeProxyConfiguration in configs/cluster.yaml")


@rule(here=("node_not_ready", "pod_not_ready"))
def cni_foreign(look: Look) -> Found:
    """Another network plugin than Calico is configured on a node; the first file by name is taken."""
    for name, state in look.members.items():
        if foreign := [one for one in state.lines("cni") if "calico" not in one]:
            yield Finding(f"{name} has the configuration of another network plugin", name, Severity.DEGRADED, ", ".join(foreign),
                          fix=on(name, f"mv -t /root {' '.join(f'/etc/cni/net.d/{one}' for one in foreign)}"))


@rule(here=("node_not_ready", "pod_not_ready", "bgp_sessions_missing"))
def calico_missing(look: Look) -> Found:
    """Calico's pod on a node is not ready: pods there have no network."""
    yield from _pod_missing(look, "calico-node", "pods there have no network")


@rule(here=("pod_not_ready",))
def kube_proxy_missing(look: Look) -> Found:
    """kube-proxy's pod on a node is not ready: changes of services do not arrive there."""
    yield from _pod_missing(look, "kube-proxy", "services change, and it does not know")


def _pod_missing(look: Look, prefix: str, harm: str) -> Found:
    ready = {node.name for node in look.api.nodes if node.ready} if look.api else set()
    for pod in look.api.pods if look.api else ():
        if pod.name.startswith(f"{prefix}-") and pod.node in ready and pod.namespace in ("kube-system", "calico-system") \
                and not is_new(look, pod):
            yield Finding(f"{prefix} on {pod.node} is not ready: {harm}", pod.node, Severity.DEGRADED, pod.state, pod.since,
                          f"kubectl -n {pod.namespace} delete pod {pod.name}")


@rule()
def bgp_sessions_missing(look: Look) -> Found:
    """A node has fewer BGP sessions than there are other nodes: pods there do not reach all others."""
    ready = [node for node in look.api.nodes if node.ready] if look.api else []
    # where the answer was cut short, of some or of all nothing is known
    told = not any("cluster" in parts for parts in look.cut_short.values()) and any(node.sessions is not None for node in ready)
    for node in ready:
        if (told if node.sessions is None else node.sessions < len(ready) - 1) and node.name not in look.off:
            yield Finding(f"{node.name} has {'?' if node.sessions is None else node.sessions} BGP sessions of {len(ready) - 1}",
                          node.name, fix="kubectl -n kube-system logs -l k8s-app=calico-node -c calico-node --tail=20")


@rule(everywhere=("bgp_sessions_missing",))
def bgp_address_differs(look: Look) -> Found:
    """Calico has chosen another address of a node than hosts.yaml gives it."""
    for node in look.api.nodes if look.api else ():
        machine = look.rack.machines.get(node.name)
        if machine and node.bgp_address and node.bgp_address.partition("/")[0] != str(machine.address()):
            yield Finding(f"Calico on {node.name} uses {node.bgp_address}, and hosts.yaml says {machine.address()}", node.name,
                          Severity.DEGRADED, fix="inv cluster.bootstrap --only \"pod network\"; then kubectl -n kube-system delete pod "
                          f"-l k8s-app=calico-node --field-selector spec.nodeName={node.name}")


def _fix(look: Look, name: str) -> str:
    return "inv gateway.apply" if name == look.rack.gateway.name else f"inv node.reboot {name}"
