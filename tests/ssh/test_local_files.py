"""What tasks write on the operator's computer: with the rack's lock where it is about what runs, and one at a time."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time

from test_faults import until
from test_refused import STANDIN, called, with_a_hub  # noqa: F401  a fixture

from fabfile.loading import load
from fabfile.rack import ssh


def test_a_refused_run_draws_no_secrets(with_a_hub):  # noqa: F811
    """rooster's kubectl says of any hub that it holds no secrets: now they would be drawn."""
    operator, secrets = with_a_hub, with_a_hub.folder / "configs/secrets.yaml"
    secrets.unlink()
    rooster = operator.swarm.hosts["rooster"]
    somebody = subprocess.Popen([*rooster.inside(), "sh", "-c", "mkdir -p -m 700 /run/coop; exec 8>>/run/coop/lock; flock 8; "
                                 "echo $$ >/run/coop/somebody; "
                                 "echo '{\"who\": \"spicy\"}' >/run/coop/lock.holder; exec sleep 900"])
    until(rooster, "[ -e /run/coop/lock.holder ]")
    for words in (["hub.upgrade"], ["cluster.bootstrap", "--from", "helm"]):
        code, said = operator.end(".venv/bin/inv", *words)
        assert code == 1 and "spicy from an unknown place holds the lock on this rack" in said, said
    assert not secrets.exists()
    code, said = operator.end(".venv/bin/inv", "hub.upgrade", "--dry")
    assert code == 3 and not secrets.exists(), said  # looking is always allowed, and writes nothing
    rooster.run("kill $(cat /run/coop/somebody)")
    somebody.wait(timeout=30)
    rooster.run(f"cat >/usr/local/bin/helm <<'END'\n{STANDIN}END\nchmod 755 /usr/local/bin/helm")
    code, said = operator.end(".venv/bin/inv", "hub.upgrade")
    assert called(operator, "helm pull"), said  # which was only written down: no hub runs with what was drawn
    assert not secrets.exists()


def test_keys_that_are_learned_at_once_are_all_kept(operate):
    operator = operate()
    hosts = operator.folder / "hosts.yaml"
    key = operator.swarm.hosts["chick0"].host_key
    hosts.write_text(hosts.read_text().replace(f"    host_key: {key}\n", ""))
    folder = os.open(operator.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # another task reads and writes there at this moment
    learning = operator.start(".venv/bin/inv", "rack.trust", "chick0", "--fingerprint", ssh.fingerprint(key))
    assert re.match("chick0 shows ", learning.stdout.readline())
    time.sleep(1.0)
    assert learning.poll() is None and key not in hosts.read_text()
    hosts.write_text(hosts.read_text() + "# written meanwhile\n")
    os.close(folder)
    said, _ = learning.communicate(timeout=30)
    assert learning.returncode == 0, said
    assert load(operator.folder).machine("chick0").host_key == key and hosts.read_text().endswith("# written meanwhile\n")
