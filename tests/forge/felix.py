"""Calico's Felix and kube-proxy beside an API server, in its network namespace: one node, whose pods are namespaces with the addresses
that they say.

No kubelet, CNI plugin, BIRD or controller runs: what is tried is what these two make of objects. Their iptables and ipset are the forge's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import yaml

from lab.forge import calico, kubernetes, userland
from lab.forge.root import machine_root
from lab.forge.store import Store
from lab.places import forge_cache

NODE, NODES, ROOSTER = "chick1", "10.0.0.101", "10.0.0.1"
Pod = tuple[str, str]  # namespace and name

_WIRE = f"""
ip link add enp1s0 type veth peer name eth0 netns ROOSTER
ip addr add {NODES}/24 dev enp1s0; ip link set enp1s0 up; ip route add default via {ROOSTER}
sysctl -qw net.ipv4.ip_forward=1
"""
_POD = """
ip link add LINK type veth peer name eth0 netns POD; ip link set LINK up; ip route add ADDRESS/32 dev LINK
nsenter --net --target POD sh -c 'ip link set lo up; ip link set eth0 up; ip addr add ADDRESS/32 dev eth0
ip route add 169.254.1.1 dev eth0 scope link; ip route add default via 169.254.1.1'
"""
_ROOT = """set -e
mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work /mnt/root; root=/mnt/root
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=/mnt/upper,workdir=/mnt/work" $root
mount -t proc proc $root/proc; mount -t sysfs sys $root/sys; mount --rbind /dev $root/dev; mount -t tmpfs none $root/run
mkdir -p "$root$FOLDER"; cp "$FOLDER/admin.conf" "$FOLDER/admin.crt" "$FOLDER/admin.key" "$root$FOLDER"
cp "$PROGRAM" $root/usr/bin/program; [ ! -e "$FOLDER/proxy.yaml" ] || cp "$FOLDER/proxy.yaml" "$root$FOLDER"
for verb in '' -save -restore; do for family in iptables ip6tables; do
  ln -sf xtables-nft-multi "$root/usr/sbin/$family$verb"; ln -sf xtables-nft-multi "$root/usr/sbin/$family-nft$verb"
  ln -sf xtables-legacy-multi "$root/usr/sbin/$family-legacy$verb"
done; done
exec nice -n 10 chroot $root program "$@"
"""
_SERVE = """\
import socket
listener = socket.create_server(("0.0.0.0", 8080))
while True:
    caller, address = listener.accept()
    caller.sendall(address[0].encode())
    caller.close()
"""
_CALL = """\
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 8080), timeout=2) as call:
        print(call.recv(99).decode(), end="")
except OSError:
    pass
"""


class Namespace:
    """A network namespace of nobody's, as long as its process sleeps; somebody in it answers with the address that called."""

    def __init__(self) -> None:
        self._sleeper = subprocess.Popen(["unshare", "--net", "sleep", "900"])
        self.pid = self._sleeper.pid
        while Path(f"/proc/{self.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.02)
        self._server = subprocess.Popen([*self.enter, sys.executable, "-c", _SERVE])

    @property
    def enter(self) -> list[str]:
        return ["nsenter", "--net", "--target", str(self.pid)]

    def calls(self, address: str) -> str:
        """From which address it is seen there; "" where it is not answered."""
        return subprocess.run([*self.enter, sys.executable, "-c", _CALL, address], capture_output=True, text=True).stdout

    def end(self) -> None:
        for process in (self._server, self._sleeper):
            process.kill()
            process.wait()


def objects(pods: Mapping[Pod, str]) -> list[dict]:
    """The node, its pods, and that Calico's data is whole."""
    return [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}},
        {"apiVersion": "crd.projectcalico.org/v1", "kind": "ClusterInformation", "metadata": {"name": "default"},
         "spec": {"clusterGUID": "0" * 32, "clusterType": "k8s", "calicoVersion": calico.VERSION, "datastoreReady": True}},
        *({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space, "labels": {"probe": name}},
           "spec": {"nodeName": NODE, "containers": [{"name": "a", "image": "b"}]}} for space, name in pods)]


@contextmanager
def running(api, folder: Path, name: str, program: Path, words: Sequence[str], settings: Mapping[str, str],
            up: Callable[[str], bool]) -> Iterator[None]:
    """A program of a node, in the API server's network and a root of its own, since its log says that it is up."""
    store = Store(forge_cache())
    environment = {"LOWER": f"{store.folder(userland.userland)}/root:{store.folder(machine_root)}/root", "FOLDER": str(folder),
                   "PROGRAM": str(program), "KUBECONFIG": api.kubeconfig, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **settings}
    said = folder / f"{name}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(["nsenter", "--net", "--target", api.namespace, "unshare", "--mount", "sh", "-c", _ROOT, "sh", *words],
                                   env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not up(said.read_text(errors="replace")):
            assert process.poll() is None and time.monotonic() < until, said.read_text(errors="replace")[-3000:]
            time.sleep(0.5)
        time.sleep(3)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def kube_proxy(api, folder: Path, configuration: Mapping[str, Any]) -> Iterator[None]:
    """kube-proxy by this configuration; what it may set of the whole computer, it leaves."""
    own = {"clientConnection": {"kubeconfig": api.kubeconfig}, "hostnameOverride": NODE, "conntrack": {"maxPerCore": 0, "min": 0}}
    (folder / "proxy.yaml").write_text(yaml.safe_dump({**configuration, **own}))
    with running(api, folder, "kube-proxy", Store(forge_cache()).folder(kubernetes.programs) / "bin/kube-proxy",
                 (f"--config={folder}/proxy.yaml", "-v=2"), {}, lambda said: "SyncProxyRules complete" in said):
        yield


@contextmanager
def felix(api, folder: Path, pods: Mapping[Pod, str]) -> Iterator[tuple[dict[Pod, Namespace], Namespace]]:
    """The namespaces of these pods (by their addresses), and rooster's, when Felix has seen to all of them."""
    store = Store(forge_cache())
    (folder / "felix.yaml").write_text(yaml.safe_dump_all(objects(pods)))
    api.shell(f"kubectl apply -f {folder}/felix.yaml")
    places: dict[Pod, Namespace] = {}
    rooster = Namespace()
    try:
        api.shell(_WIRE.replace("ROOSTER", str(rooster.pid)))
        subprocess.run([*rooster.enter, "sh", "-c", f"ip addr add {ROOSTER}/24 dev eth0; ip link set eth0 up; ip link set lo up\n"
                        f"ip route add 10.244.0.0/15 via {NODES}"], check=True)
        for (space, name), address in pods.items():
            status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
            api.shell(f"kubectl -n {space} patch pod {name} --subresource=status --type=merge -p '{json.dumps(status)}'")
            places[space, name] = Namespace()
            link = f"cali{sha1(f'{space}.{name}'.encode()).hexdigest()[:11]}"
            api.shell(_POD.replace("POD", str(places[space, name].pid)).replace("LINK", link).replace("ADDRESS", address))
        settings = {"DATASTORETYPE": "kubernetes", "FELIXHOSTNAME": NODE, "LOGFILEPATH": "none", "LOGSEVERITYSYS": "none",
                    "HEALTHENABLED": "false", "USAGEREPORTINGENABLED": "false", "IPV6SUPPORT": "false", "IPTABLESBACKEND": "nft",
                    "XDPENABLED": "false"}
        felix_s = {f"FELIX_{key}": value for key, value in settings.items()}
        with running(api, folder, "felix", store.folder(calico.programs) / "bin/calico-node", ("-felix",), felix_s,
                     lambda said: said.count('status="up"') >= len(pods)):
            yield places, rooster
    finally:
        for place in (*places.values(), rooster):
            place.end()
