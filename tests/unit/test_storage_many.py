"""Four thousand homes: what the unit that gives quotas costs when nothing is to be done, and what usage is told of them.

ZFS itself is a program that prints as much as ZFS would; what it takes to find that is not among it.
"""

import time

import pytest

from fabfile.facts.homes import parse_usage, usage_question
from fabfile.programs import text
from fabfile.screen.file_server import homes_as_text
from tests.unit.sandbox import a_sandbox

HOMES, QUOTA = 4000, 10 << 30
MOST = 2.0  # seconds of a processor
ZFS = """#!/bin/sh
echo "$1" >>/case/asked
case $1:$2 in
  project:-s | set:*) echo "zfs $*" >>/case/did ;;
  project:*) cat "/case/labels${2##*/}" ;;
  projectspace:*) case $4 in *objquota*) cat /case/quotas ;; *) cat /case/homes ;; esac ;;
esac
"""


@pytest.fixture(scope="module")
def machine():
    """With the homes of two hubs in memory, each labelled and with its quota; every hundredth is nearly full."""
    with a_sandbox() as sandbox:
        sandbox.write("/case/bin/zfs", ZFS)
        sandbox.write("/case/bin/mountpoint", "#!/bin/sh\n")
        sandbox.write("/case/quota", f"#!/bin/sh\n{text('homes_quota.sh')}")
        sandbox.write("/case/wanted", f"hub {QUOTA} 0\nlab {QUOTA} 0\n* {QUOTA} 0\n")
        code, said = sandbox.run(f"""set -e
chmod +x /case/bin/* /case/quota
mount -t tmpfs -o nr_inodes=100k none /mnt
mkdir -p /mnt/homes/hub /mnt/homes/lab
seq -f /mnt/homes/hub/student%04g {HOMES // 2} | xargs mkdir
seq -f /mnt/homes/lab/student%04g {HOMES // 2} | xargs mkdir
for hub in hub lab; do find /mnt/homes/$hub -mindepth 1 -printf '%5i P %p\\n' >/case/labels$hub; done
cat /case/labels* | awk '{{ printf "%s\\t%.0f\\t%.0f\\t7\\n", $1, (NR % 100 ? 1000 : 0.95 * {QUOTA}), {QUOTA} }}' >/case/homes
awk -F '\\t' '{{ print $1 "\\t" $3 "\\t-\\t" $2 }}' /case/homes >/case/quotas""")
        assert code == 0, said
        yield sandbox


def test_nothing_to_do_costs_as_much_as_a_few_processes(machine):
    code, said = machine.run("PATH=/case/bin:$PATH; /case/quota mnt/homes /case/wanted /case/full; code=$?; times; exit $code")
    assert code == 0, said
    *told, _, children = said.splitlines()
    assert not told
    spent = sum(int(minutes) * 60 + float(seconds) for minutes, seconds in (one.rstrip("s").split("m") for one in children.split()))
    print(f"{spent:.2f} s of a processor for {HOMES} homes")
    assert spent < MOST
    assert machine.read("/case/asked").split() == ["project", "project", "projectspace"]
    assert len(machine.read("/case/full").splitlines()) == 1 + HOMES // 100


def test_one_that_is_new_among_them_is_labelled_alone(machine):
    code, inode = machine.run("rm /case/asked; mkdir /mnt/homes/hub/new; stat -c %i /mnt/homes/hub/new")
    code, said = machine.run("PATH=/case/bin:$PATH; /case/quota mnt/homes /case/wanted /case/full")
    machine.run("rmdir /mnt/homes/hub/new")
    assert (code, said) == (0, "labelled hub/new\n1 quotas set\n")
    assert machine.read("/case/did").splitlines() == [
        f"zfs project -s -p {inode.strip()} /mnt/homes/hub/new",
        f"zfs set projectquota@{inode.strip()}={QUOTA} projectobjquota@{inode.strip()}=none mnt/homes"]
    assert len(machine.read("/case/asked").split()) == 5


def test_usage_is_told_of_all_of_them(machine):
    code, answer = machine.run(f"PATH=/case/bin:$PATH; {usage_question('mnt/homes')}")
    assert code == 0, answer
    began = time.process_time()
    homes = parse_usage(answer)
    shown = homes_as_text(homes, len(homes))
    assert time.process_time() - began < MOST
    assert len(homes) == HOMES and {home.percent for home in homes[:HOMES // 100]} == {95}
    assert shown.count("student") == HOMES
