"""Notebooks whose homes are on the file server: a cluster that Coop makes, one node of it that can mount NFS, and a student's browser."""

from __future__ import annotations

import os
import re
import time
import uuid

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.rack.hub.browser import Browser

NAME = "jupyter.flock.example"
MIB = 1 << 20
KUBECTL = "KUBECONFIG=/etc/kubernetes/admin.conf kubectl -n hub"
CHOICE = "label[for=profile-item-default]"
# users' servers go to the node that can mount; it is emulated, so that a server takes its time there
VALUES = """  singleuser:
    nodeSelector: {kubernetes.io/hostname: chick3}
    startTimeout: 900
"""
AWAY = float(os.environ.get("COOP_AWAY", "120"))  # seconds for which the file server's power is off
STARTS, SLOW = 900.0, 300.0  # seconds that a server, and anything else there, may take on a processor that is emulated


def kubectl(rack, words: str) -> str:
    """What kubectl says on the first control plane."""
    return rack.lab.run("chick0", "sh", "-c", f"{KUBECTL} {words}", check=False).stdout.strip()


@pytest.fixture
def browser(rack):
    with Browser(NAME, rack.lab.places.porch.read_text().strip()) as one:
        yield one


def start(browser: Browser) -> float:
    """To JupyterLab, by the page of choices unless the server runs; how long it took. A server that is stopping is waited for."""
    def ready() -> bool:
        browser.open("/hub/spawn")
        return browser.path.startswith("/user/") or bool(browser.driver.find_elements(By.CSS_SELECTOR, CHOICE))

    browser.wait("there are no choices", ready, SLOW)
    began = time.monotonic()
    if not browser.path.startswith("/user/"):
        browser.start("default", STARTS)
    return time.monotonic() - began


def test_a_cluster_is_made_with_homes_on_the_file_server(rack):
    rack.with_homes()
    rack.change("configs/hub.yaml", "  singleuser:\n", VALUES)
    rack.change("configs/hub.yaml", "    config:\n", "    config:\n      KubeSpawner: {http_timeout: 600}\n")
    assert (done := rack.inv("storage.apply", "--yes", "--create", "nest")).code == 0, done.said
    done = rack.inv("cluster.bootstrap", "--yes")
    print(f"the cluster was made in {done.seconds:.0f} s")
    assert done.code == 0, done.said
    assert " Ready " in kubectl(rack, "get node chick3 --no-headers")


def test_a_hub_is_installed_and_its_canary_has_a_home_there(rack):
    done = rack.inv("hub.upgrade", "--yes")
    print(f"hub.upgrade with its canary took {done.seconds:.0f} s")
    assert done.code == 0, done.said
    assert kubectl(rack, "get pvc homes -o jsonpath='{.status.phase} {.spec.accessModes[0]}'") == "Bound ReadWriteMany"
    again = rack.inv("hub.upgrade", "--dry")
    assert again.code == 0, again.said


def test_a_student_finds_a_file_again(rack, browser):
    browser.log_in("student")
    print(f"a server was there after {start(browser):.0f} s")
    assert kubectl(rack, "get pod jupyter-student -o jsonpath='{.spec.nodeName}'") == "chick3"
    browser.new_notebook("student", SLOW)
    word = uuid.uuid4().hex
    assert browser.run_cell(f"open('kept.txt', 'w').write('{word}')", SLOW) == "32"
    assert rack.ask("hen", "cd /nest/homes/hub/student; cat kept.txt; stat -c ' %u:%g' kept.txt") == f"{word} 1000:100"
    browser.stop()
    print(f"again after {start(browser):.0f} s")
    browser.new_notebook("student", SLOW)
    assert browser.run_cell("open('kept.txt').read()", SLOW) == f"'{word}'"
    assert browser.run_cell("import os; s = os.statvfs('.'); s.f_blocks * s.f_frsize", SLOW) == str(200 * MIB)
    assert browser.run_cell("import resource; resource.getrlimit(resource.RLIMIT_CORE)[0]", SLOW) == "0"


FILL = """import os

def fill(name):
    written = 0
    try:
        with open(name, "wb") as file:
            while written < 400 << 20:
                written += file.write(os.urandom(1 << 20))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        return f"{error.strerror} after {written >> 20} MiB"
"""


def test_a_full_home_starts_a_server_and_is_emptied_in_the_browser(rack, browser):
    """A full home does not lock its user out, and does not touch the neighbour."""
    browser.log_in("student")
    start(browser)
    rack.ask("hen", f"cat >/nest/homes/hub/student/fill.py <<'PROGRAM'\n{FILL}PROGRAM")
    browser.new_notebook("student", SLOW)
    said = browser.run_cell("import fill; fill.fill('big')", SLOW)
    print(said)
    full = re.fullmatch(r"'Disk quota exceeded after (\d+) MiB'", said)
    assert full and 150 < int(full[1]) < 400, said
    rack.ask("hen", "mkdir -p /nest/homes/hub/other; chown 1000:100 /nest/homes/hub/other; "
             "dd if=/dev/urandom of=/nest/homes/hub/other/file bs=1M count=20 conv=fsync status=none")
    browser.stop()
    seconds = start(browser)
    print(f"with a full home a server was there after {seconds:.0f} s")
    browser.open("/user/student/lab?reset")
    browser.find('.jp-DirListing-item[title*="big"]', 120).click()
    browser.driver.switch_to.active_element.send_keys(Keys.DELETE)
    browser.click(".jp-Dialog .jp-mod-warn", 60)
    browser.wait("the file is still there", lambda: not rack.ask("hen", "ls /nest/homes/hub/student | grep -x big || :"), 60)
    browser.new_notebook("student", SLOW)
    assert browser.run_cell("open('after.txt', 'w').write('x' * 1000)", SLOW) == "1000"


# as a notebook's kernel writes into its home: the image, the volume and the folder are those of users' servers
OTHER = """apiVersion: v1
kind: Pod
metadata: {{name: other-{number}, labels: {{who: other}}}}
spec:
  nodeName: chick3
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 5
  securityContext: {{runAsUser: 1000, runAsGroup: 100}}
  containers:
  - name: kernel
    image: {image}
    command: [sh, -c, "while :; do date +%s >>/home/there/seen; sync /home/there/seen; sleep 2; done"]
    volumeMounts: [{{name: home, mountPath: /home/there, subPath: other-{number}}}]
  volumes: [{{name: home, persistentVolumeClaim: {{claimName: homes}}}}]
"""
PODS = "get pods -l 'who=other' -o jsonpath='{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount} " \
       "{.status.phase}{\"\\n\"}{end}'"


def others(rack) -> list[int]:
    """When each of the other kernels has written last, as hen has it."""
    return [int(one) for one in rack.ask("hen", "for home in /nest/homes/hub/other-*; do tail -n 1 $home/seen; done").split()]


def test_a_reboot_of_the_file_server_under_ten_kernels(rack, browser):
    """Announced to nobody: the kernel's cell waits, and goes on, and so do nine others; the node stays Ready, the pods are the same."""
    browser.log_in("student")
    start(browser)
    pod = kubectl(rack, "get pod jupyter-student -o jsonpath='{.metadata.uid} {.status.containerStatuses[0].restartCount}'")
    image = kubectl(rack, "get pod jupyter-student -o jsonpath='{.spec.containers[0].image}'")
    manifest = "---\n".join(OTHER.format(number=number, image=image) for number in range(9))
    kubectl(rack, f"apply -f - <<'END'\n{manifest}END\n")
    said = kubectl(rack, "wait --for=condition=Ready --timeout=600s pod -l who=other")
    assert said.count("condition met") == 9, said
    time.sleep(10)
    assert len(others(rack)) == 9
    before = kubectl(rack, PODS)
    browser.new_notebook("student", SLOW)
    assert browser.run_cell("open('before.txt', 'w').write('x')", SLOW) == "1"
    done = rack.inv("storage.reboot", "--silent", "--yes")
    print(f"storage.reboot took {done.seconds:.0f} s\n{done.said}")
    assert done.code == 0, done.said
    began = time.monotonic()
    assert browser.run_cell("open('before.txt', 'a').write('yy')", SLOW) == "2"
    print(f"the notebook wrote {time.monotonic() - began:.0f} s after the command had ended")
    ended = time.time()
    browser.wait("not all others write again", lambda: min(others(rack)) > ended - 30, 90)
    print(f"all others wrote {time.time() - ended:.0f} s after that")
    assert kubectl(rack, PODS) == before and before.count(" 0 Running") == 9
    assert pod == kubectl(rack, "get pod jupyter-student -o jsonpath='{.metadata.uid} {.status.containerStatuses[0].restartCount}'")
    assert " Ready " in kubectl(rack, "get node chick3 --no-headers")


def deleted(rack) -> list[str]:
    """The user's server and the other kernels, as far as they are still there."""
    return [name for label in ("component=singleuser-server", "who=other")
            for name in kubectl(rack, f"get pods -l {label} -o name").split()]


def test_the_file_server_is_away_for_minutes(rack, browser):
    """A server that is stopped meanwhile is gone at the latest when hen is back, and the node takes the next one without a reboot."""
    browser.log_in("student")
    start(browser)
    rack.lab.off("hen")
    time.sleep(AWAY / 2)
    kubectl(rack, "delete pod jupyter-student --wait=false")
    kubectl(rack, "delete pod -l who=other --wait=false")
    time.sleep(AWAY / 2)
    left = deleted(rack)
    assert " Ready " in kubectl(rack, "get node chick3 --no-headers")
    rack.on("hen")
    began = time.monotonic()
    browser.wait("pods are still there", lambda: not deleted(rack), SLOW)
    gone = time.monotonic() - began
    print(f"hen was away for {AWAY:.0f} s; of what was deleted meanwhile, there when it came back: {left}; gone {gone:.0f} s later")
    print(f"a server was there after {start(browser):.0f} s")
    browser.new_notebook("student", SLOW)
    assert browser.run_cell("open('before.txt').read()", SLOW) == "'xyy'"
    assert " Ready " in kubectl(rack, "get node chick3 --no-headers")
