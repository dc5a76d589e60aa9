"""The forge's etcd and kube-apiserver alone, in a network namespace of their own: what kubectl and helm are made to
ask and to do is tried on a real API, without a machine. No controller runs: nothing happens but what is asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.forge import helm, kubernetes
from lab.forge.store import Store
from lab.places import forge_cache
from tests.forge.applying import Applies

_START = r"""
set -e
ip link set lo up
ip address add 10.9.9.1/24 dev lo
openssl genrsa -out sa.key 2048
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 2
openssl req -newkey rsa:2048 -nodes -keyout admin.key -out admin.csr -subj /O=system:masters/CN=admin
openssl x509 -req -in admin.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out admin.crt -days 2
etcd --data-dir etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 &
exec kube-apiserver --etcd-servers http://127.0.0.1:2379 --client-ca-file ca.crt --authorization-mode RBAC \
    --service-account-key-file sa.key --service-account-signing-key-file sa.key --service-account-issuer https://lab \
    --bind-address 127.0.0.1 --advertise-address 10.9.9.1 --service-cluster-ip-range 10.96.0.0/12 --cert-dir api \
    --disable-admission-plugins ServiceAccount
"""
_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: api, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {client-certificate: FOLDER/admin.crt, client-key: FOLDER/admin.key}}]
contexts: [{name: api, context: {cluster: api, user: admin}}]
current-context: api
"""


class Api(Applies):
    """An API server, and a shell beside it that has kubectl and helm."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], path: str):
        self.kubeconfig, self.namespace = str(folder / "admin.conf"), str(process.pid)  # of its network
        self._environment = {"PATH": path, "HOME": str(folder), "KUBECONFIG": self.kubeconfig}

    def shell(self, text: str, check: bool = True) -> str:
        """What the text prints, run as a machine's shell runs it."""
        done = subprocess.run(["nsenter", "--net", "--target", self.namespace, "dash", "-c", f"set -e\n{text}"],
                              env=self._environment, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def api_server(folder: Path) -> Iterator[Api]:
    store = Store(forge_cache())
    programs = [store.folder(part) / "bin" for part in (kubernetes.programs, helm.programs)]
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    (folder / "admin.conf").write_text(_KUBECONFIG.replace("FOLDER", str(folder)))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", _START], cwd=folder, env=os.environ | {"PATH": path},
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        api, until = Api(folder, process, path), time.monotonic() + 120
        while api.shell("kubectl get --raw /readyz 2>&1 || :").strip() != "ok":
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()[-3000:]
            time.sleep(0.5)
        yield api
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
