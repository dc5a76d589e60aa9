"""The periodic work of a rack that is lived with: each job's dry run says what it interrupts, a second run finds nothing to do."""

from __future__ import annotations

import pytest
from conftest import at_a_terminal, wait_until

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
PACKAGE = "coop-example"
# A package that is installed in version 1, and of which a repository on the machine's own disk has version 2.
UPDATE = f"""
mkdir -p /srv/updates && cd /srv/updates
for version in 1 2; do
  mkdir -p $version/DEBIAN $version/usr/share/{PACKAGE}; echo $version >$version/usr/share/{PACKAGE}/version
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: Nobody <nobody@example.com>\\nDescription: example\\n' \\
    {PACKAGE} $version >$version/DEBIAN/control
  dpkg-deb --build --root-owner-group $version {PACKAGE}_$version.deb >/dev/null
done
dpkg -i {PACKAGE}_1.deb >/dev/null
{{ cat 2/DEBIAN/control; printf 'Filename: ./{PACKAGE}_2.deb\\nSize: %s\\nSHA256: %s\\n' "$(stat -c %s {PACKAGE}_2.deb)" \\
  "$(sha256sum {PACKAGE}_2.deb | cut -d ' ' -f 1)"; }} >Packages
echo 'deb [trusted=yes] file:/srv/updates ./' >/etc/apt/sources.list.d/updates.list
"""
BOOTED = "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic"


@pytest.fixture
def update(inside):
    """update("chick1"): an update that waits there, until the test has ended."""
    machines = []

    def offer(machine: str) -> None:
        machines.append(machine)
        inside(machine, UPDATE)
    yield offer
    for machine in machines:
        inside(machine, f"rm -rf /etc/apt/sources.list.d/updates.list /srv/updates; dpkg -P {PACKAGE}", check=False)


@pytest.fixture
def version(inside):
    return lambda machine: inside(machine, f"cat /usr/share/{PACKAGE}/version").strip()


def interrupted(operator, *words: str) -> str:
    """What the dry run of a task says that it interrupts; it finds something to do."""
    said = operator.inv(*words, "--dry", code=3).said
    assert "interrupts:" in said, said
    return said[said.index("interrupts:"):]


def nothing_left(operator, *words: str) -> None:
    assert "no changes" in operator.inv(*words, "--dry").said


def serials(inside) -> list[str]:
    return inside("chick0", "cd /etc/kubernetes/pki; for each in apiserver etcd/server front-proxy-client; do"
                            " openssl x509 -noout -serial -in $each.crt; done").split()


def test_certificates_are_shown_and_made_again(bootstrapped, operator, inside):
    assert "served at port 6443" in operator.inv("cluster.certs").said
    inside("chick0", "cd /etc/kubernetes/pki; openssl x509 -in apiserver.crt -CA ca.crt -CAkey ca.key -days 10 -out /tmp/new.crt"
                     " -not_before 20260101000000Z -not_after 20271201000000Z; cp /tmp/new.crt apiserver.crt")
    before = serials(inside)
    assert "the API server" in interrupted(operator, "cluster.certs", "--renew")
    operator.inv("cluster.certs", "--renew", "--yes")
    assert not set(before) & set(serials(inside))
    nothing_left(operator, "cluster.certs", "--renew")
    operator.inv("cluster.certs")


def test_a_node_is_drained_updated_and_rebooted_where_an_update_needs_it(bootstrapped, operator, inside, update, version):
    for machine in ("chick1", "chick2"):
        update(machine)
    inside("chick2", "touch /run/reboot-required")
    held = {machine: inside(machine, "apt-mark showhold") for machine in ("chick1", "chick2")}
    before = {machine: inside(machine, BOOTED) for machine in held}
    assert "chick2 reboots" in interrupted(operator, "node.update", "chick1,chick2", "--force")
    operator.inv("node.update", "chick1,chick2", "--force", "--yes")
    assert {machine: version(machine) for machine in held} == {"chick1": "2", "chick2": "2"}
    assert inside("chick1", BOOTED) == before["chick1"] and inside("chick2", BOOTED) != before["chick2"]
    assert {machine: inside(machine, "apt-mark showhold") for machine in held} == held
    assert "SchedulingDisabled" not in inside("chick0", f"{KUBECTL} get nodes")
    nothing_left(operator, "node.update", "chick1,chick2")


def test_rooster_is_updated_and_serves_on(bootstrapped, operator, update, version, inside):
    update("rooster")
    before = inside("rooster", BOOTED)
    assert "services of rooster restart" in interrupted(operator, "gateway.update")
    operator.inv("gateway.update", "--yes")
    assert version("rooster") == "2" and inside("rooster", BOOTED) == before
    nothing_left(operator, "gateway.update")


def test_pods_of_a_dead_node_go_at_once(bootstrapped, operator, lab, inside, nodes):
    living = operator.inv("node.evict", "chick2", "--dead", "--yes", code=2)
    assert "answers by SSH" in living.said
    inside("chick0", f"{KUBECTL} create deployment sleeper --image docker.io/library/busybox:1.37 --replicas 2 -- sleep 3600")
    on_chick2 = f"{KUBECTL} get pods -A --field-selector spec.nodeName=chick2 -o name"
    try:
        lab.off("chick2")
        wait_until("chick2 is not Ready", lambda: "chick2" not in nodes())
        assert "chick2 is out of service" in interrupted(operator, "node.evict", "chick2", "--dead")
        assert operator.inv("node.evict", "chick2", "--dead", "--yes", code=None).code, "its name was not typed"
        at_a_terminal(operator, "inv", "node.evict", "chick2", "--dead", typed="chick2")
        assert all("calico-node" in pod or "kube-proxy" in pod or "speaker" in pod for pod in inside("chick0", on_chick2).split())
        wait_until("its pods run elsewhere", lambda: inside("chick0", f"{KUBECTL} get deployment sleeper -o "
                                                                     "jsonpath={.status.readyReplicas}") == "2")
        lab.on("chick2")
        wait_until("chick2 is Ready", lambda: "chick2" in nodes())
        operator.inv("node.evict", "chick2", "--back")
        nothing_left(operator, "node.evict", "chick2", "--back")
    finally:
        lab.on("chick2")
        inside("chick0", f"{KUBECTL} delete deployment sleeper", check=False)


def test_the_whole_rack_goes_off_and_comes_back(bootstrapped, operator, lab, nodes):
    assert "everything that the rack serves ends" in interrupted(operator, "rack.power-off")
    assert "Everything is switched off at" in operator.inv("rack.power-off", "--dry", code=3).said, "what the hub would announce"
    operator.inv("rack.power-off", "--silent", "--yes")
    chicks = {"chick0", "chick1", "chick2"}
    wait_until("the chicks are off", lambda: all(not lab.status()[name].pid for name in chicks))
    assert "chick0 does not answer" in operator.inv("rack.power-on", "--wait", "5s", code=3).said
    for name in sorted(chicks):
        lab.on(name)
    operator.inv("rack.power-on")
    assert nodes() == chicks
    wait_until("the doctor is silent", lambda: operator.inv("doctor", code=None).code == 0, 300)


def test_an_announcement_is_on_the_hubs_login_page(bootstrapped, operator, inside):
    page = "curl -sk --resolve jupyter.flock.example:443:128.120.136.54 https://jupyter.flock.example/hub/login"
    assert "Maintenance tonight" in operator.inv("hub.announce", "Maintenance tonight", "--until", "23:59", "--dry", code=3).said
    operator.inv("hub.announce", "Maintenance tonight", "--until", "23:59", "--yes")
    assert "Maintenance tonight" in inside("rooster", page)
    nothing_left(operator, "hub.announce", "Maintenance tonight", "--until", "23:59")
    operator.inv("hub.announce", "--clear", "--yes")
    assert "Maintenance tonight" not in inside("rooster", page)
