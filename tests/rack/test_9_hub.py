"""The hub, from the lab's outside: its name and its pages, who gets in, a cell that runs; and what is closed."""

import re
import subprocess
from urllib.parse import urlencode

import pytest

NAME, ROOSTER, PUBLISHED = "jupyter.flock.example", "128.120.136.26", "128.120.136.54"
PORTS = (21, 22, 25, 53, 67, 69, 80, 111, 123, 179, 443, 2049, 2379, 5473, 6443, 8080, 10250, 10256, 30000)


@pytest.fixture(scope="module")
def outside(bootstrapped, lab):
    """Runs a command of this computer in the lab's internet; gives its exit code and what it printed."""
    def run(*command: str) -> tuple[int, str]:
        done = subprocess.run(["ip", "netns", "exec", lab.places.namespace("internet"), *command],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    return run


def fetch(outside, address: str, *options: str) -> tuple[int, str]:
    resolved = [word for port in (80, 443) for word in ("--resolve", f"{NAME}:{port}:{PUBLISHED}")]
    return outside("curl", "-sSk", "--max-time", "20", *resolved, *options, address)


def test_the_login_page_is_that_of_the_template_repository(outside):
    code, page = fetch(outside, f"https://{NAME}/hub/login")
    assert code == 0 and "Flock" in page


def test_a_browser_on_this_computer_finds_the_hub(bootstrapped, lab):
    done = subprocess.run(["curl", "-sSk", "--max-time", "20", "--connect-to", f"{NAME}:443:{lab.places.porch.read_text().strip()}",
                           f"https://{NAME}/hub/login"], capture_output=True, text=True)
    assert "Flock" in done.stdout, done.stderr


def test_the_certificate_is_for_the_name(outside):
    _, said = outside("sh", "-c", f"openssl s_client -connect {PUBLISHED}:443 -servername {NAME} </dev/null 2>/dev/null "
                                  "| openssl x509 -noout -ext subjectAltName -issuer")
    assert f"DNS:{NAME}" in said and "Pebble" in said


def test_a_wrong_name_and_a_bare_address_are_refused(outside):
    for address in (f"https://{PUBLISHED}/", f"http://{PUBLISHED}/"):
        code, page = fetch(outside, address)
        assert code != 0 or "Flock" not in page
    code, page = fetch(outside, "https://wrong.flock.example/", "--resolve", f"wrong.flock.example:443:{PUBLISHED}")
    assert code != 0


def test_the_acme_path_reaches_the_cluster_and_is_not_redirected_at_rooster(outside):
    _, head = fetch(outside, f"http://{NAME}/.well-known/acme-challenge/x", "-o", "/dev/null", "-D", "-")
    assert "nginx" not in head.lower()


@pytest.mark.parametrize("address, allowed", [(ROOSTER, {22}), (PUBLISHED, {80, 443})])
def test_nothing_else_is_open(outside, address, allowed):
    script = "; ".join(f"timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo {port}" for port in PORTS)
    _, said = outside("bash", "-c", script)
    assert {int(port) for port in re.findall(r"^\d+$", said, re.MULTILINE)} == allowed


def log_in(outside, tmp_path, user: str) -> str:
    """The status line of the answer to a log in with any password."""
    jar = str(tmp_path / "cookies")
    _, page = fetch(outside, f"https://{NAME}/hub/login", "-c", jar)
    token = re.search(r'name="_xsrf" value="([^"]+)"', page)[1]
    form = urlencode({"username": user, "password": "any", "_xsrf": token})
    _, head = fetch(outside, f"https://{NAME}/hub/login", "-b", jar, "-d", form, "-o", "/dev/null", "-D", "-")
    return head.splitlines()[0]


def test_who_is_named_gets_in_and_a_stranger_does_not(outside, tmp_path):
    assert " 302" in log_in(outside, tmp_path, "student")
    assert " 403" in log_in(outside, tmp_path, "stranger")


def test_a_user_runs_a_cell(bootstrapped, operator):
    assert "ran a cell" in operator.inv("hub.prove").said


def test_a_second_upgrade_changes_nothing(bootstrapped, operator):
    operator.inv("hub.upgrade")
    assert operator.inv("hub.upgrade", "--json").data["changes"] == 0


def test_a_mistyped_value_is_told_before_anything_is_touched(bootstrapped, operator, lab):
    hub = lab.rack / "configs/hub.yaml"
    text = hub.read_text()
    hub.write_text(text.replace("    templateVars:", "    templateVar:"))
    try:
        said = operator.inv("hub.upgrade", code=2).said
    finally:
        hub.write_text(text)
    assert re.search(r"configs/hub.yaml:\d+: .*templateVar", said) and "Traceback" not in said
