"""The scripts that upgrade a release and bring one back, run for real, with programs that answer as helm and kubectl
would in bad moments."""

from __future__ import annotations

import json

import pytest

from fabfile.resources import helm_scripts
from tests.unit.sandbox import Sandbox, a_sandbox

# history: "NUMBER STATUS DIGEST PROVED". helm hands labels on, as it really does: the mark of the revision before,
# or of the one that is brought back.
FAKES = r"""
mkdir -p /tmp/fakes; cd /tmp/fakes; rm -f ./*
printf 'chick1\nchick2\n' >nodes; printf '3 deployed abc 3\n' >history
cat >kubectl <<'FAKE'
#!/bin/sh
cd /tmp/fakes
case "$*" in
*'get nodes'*) cat nodes ;;
*'get secrets'*) cat history ;;
*'label secret'*) [ ! -e no-labels ] || { echo 'Error: forbidden' >&2; exit 1; }
  n=${*#*coop-proved=}; n=${n%% *}; sed -i "s/^\($n [^ ]* [^ ]*\) .*/\1 $n/" history ;;
*'rollout status'*) [ ! -e waits ] ;;
*custom-columns=S*) echo 'hub Deployment hub' ;;
*'get jobs,daemonsets'*) cat hooks ;;
*'get pods'*) cat pods ;;
*logs*) cat words ;;
esac
FAKE
cat >helm <<'FAKE'
#!/bin/sh
cd /tmp/fakes
heir() {
  sed -i 's/ deployed / superseded /' history
  last=$(tail -n 1 history); echo "$((${last%% *} + 1)) $1" >>history
}
case $1 in
upgrade) mark=$(tail -n 1 history | cut -d ' ' -f 4); heir "pending-upgrade abd $mark"; . ./upgrade
  sed -i 's/ pending-upgrade / deployed /' history ;;
rollback) echo "$3" >>rolled; heir "deployed $(grep "^$3 " history | cut -d ' ' -f 3-)"; rm -f waits ;;
esac
FAKE
cat >sleep <<'FAKE'
#!/bin/sh
exec /bin/sleep 0.01
FAKE
printf '#!/bin/sh\nexit 1\n' >pgrep
chmod +x kubectl helm sleep pgrep
"""


def pod(name: str, node: str = "chick1", owner: str = "ReplicaSet/hub", labels: dict | None = None,
        **status: object) -> dict:
    """A pod as the API server gives it; one that nobody says otherwise of runs and is ready."""
    kind, maker = owner.split("/")
    status = status or {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "namespace": "hub", "labels": labels or {},
                         "ownerReferences": [{"kind": kind, "name": maker, "uid": owner}]},
            "spec": {"nodeName": node} if node else {"schedulerName": "default-scheduler"}, "status": status}


def container(**state: dict) -> list[dict]:
    return [{"name": "main", "restartCount": 0, "state": state}]


def hook(kind: str, name: str, made: str = "2100-01-01T00:00:00Z") -> dict:
    return {"kind": kind, "metadata": {"name": name, "uid": f"{kind}/{name}", "creationTimestamp": made,
                                       "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}}}


class Gateway:
    """A sandbox with fakes of helm and kubectl; what scripts there end with and say, without their passing lines."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        sandbox.run(FAKES)
        self.has(pods=[pod("hub-5d9c"), pod("proxy-77aa", "chick2", "ReplicaSet/proxy")], hooks=[])

    def has(self, **lists: list[dict]) -> None:
        for name, items in lists.items():
            self.sandbox.write(f"/tmp/fakes/{name}", json.dumps({"items": items}))

    def read(self, name: str) -> str:
        return self.sandbox.run(f"cat /tmp/fakes/{name} 2>/dev/null")[1]

    def run(self, script: str) -> tuple[int, list[str]]:
        code, said = self.sandbox.run(f"PATH=/tmp/fakes:$PATH\nset -e\n{script}")
        self.passing = [line for line in said.splitlines() if line.startswith("... ")]
        return code, helm_scripts.lasting(said).splitlines()

    def upgraded(self, what_helm_does: str, proof: str = "") -> tuple[int, list[str]]:
        self.sandbox.write("/tmp/fakes/upgrade", what_helm_does)
        return self.run(helm_scripts.upgrade(released(proof), "/chart.tgz", "{}\n", "", "abd", False))

    def rolled_back(self, proof: str = "echo ran a cell", revision: int | None = None) -> tuple[int, list[str]]:
        return self.run(helm_scripts.rollback(released(proof), revision))


def released(proof: str) -> helm_scripts.Released:
    return helm_scripts.Released("hub", "hub", "/k", 600, proof, "coop-canary", "hub.prove")


@pytest.fixture(scope="module")
def sandbox():
    with a_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def gateway(sandbox):
    return Gateway(sandbox)


BACK = "the upgrade failed for the reason above: revision 3 is back, and ready"


def test_helm_that_ends_is_let_end_and_its_revision_is_marked(gateway):
    code, said = gateway.upgraded("sleep 1")
    assert (code, said) == (0, ["4 deployed abd 4"])
    assert gateway.read("history") == "3 superseded abc 3\n4 deployed abd 4\n"


def test_a_mark_that_cannot_be_made_is_reported_with_what_makes_it(gateway):
    gateway.sandbox.run("touch /tmp/fakes/no-labels")
    code, said = gateway.upgraded("sleep 1")
    assert code == 0 and said[0] == ("note: revision 4 is verified, and that cannot be noted on it "
                                     "(Error: forbidden): inv hub.prove notes it")


def test_a_node_that_goes_while_helm_waits_for_it_ends_the_wait(gateway):
    code, said = gateway.upgraded("echo chick1 >nodes; exec /bin/sleep 600")
    assert (code, said) == (1, ["chick2 is no longer Ready, and helm waits for it",
                                "chick2 is no longer Ready, and helm waits for it", BACK])


def test_a_node_that_goes_with_a_pod_ends_the_wait(gateway):
    code, said = gateway.upgraded("echo chick2 >nodes; touch waits")
    assert code == 1 and "chick1 is no longer Ready, and hub waits for it" in said


def test_a_node_that_nobody_waits_for_may_go(gateway):
    code, said = gateway.upgraded("echo chick1 >nodes")
    assert code == 0, said


def test_a_node_that_goes_is_named_whatever_else_broke(gateway):
    code, said = gateway.upgraded("echo chick1 >nodes; echo 'no such host'; exit 1")
    assert code == 1 and said[:2] == ["helm: no such host",
                                      "chick2 is no longer Ready: what stood there is missing"]


def test_an_api_server_that_is_silent_ends_the_wait(gateway):
    code, said = gateway.upgraded(": >nodes; exec /bin/sleep 600")
    assert code == 1 and "the API server no longer answers, and helm waits for it" in said


PROOF = """
[ -e /tmp/fakes/again ] && { echo 'ran a cell'; exit 0; }
touch /tmp/fakes/again; echo chick1 >/tmp/fakes/nodes; exec /bin/sleep 61.5
"""


def test_a_verification_whose_node_goes_begins_again(gateway):
    code, said = gateway.upgraded(":", PROOF)
    assert (code, said) == (0, [
        "note: chick2 is no longer Ready: the check begins again, on the nodes that are left",
        "ran a cell", "4 deployed abd 4"])
    left = gateway.sandbox.run("/usr/bin/pgrep -fx '/bin/sleep 61.5'")
    assert left == (1, ""), "what is not waited for any more is ended, not left to run"


FAILS_ONCE = "[ -e /tmp/fakes/failed ] && exit 0; touch /tmp/fakes/failed; echo 'no server ever starts'; exit 1"


def test_a_verification_that_fails_brings_the_previous_revision_back_and_verifies_it(gateway):
    code, said = gateway.upgraded(":", FAILS_ONCE)
    assert (code, said) == (1, ["its pods are ready, but: no server ever starts", "the canary ran a cell on it",
                                "its pods are ready, but: no server ever starts", BACK])
    assert gateway.read("history") == "3 superseded abc 3\n4 superseded abd 3\n5 deployed abc 5\n"


def test_a_previous_revision_that_is_not_verified_either_is_reported(gateway):
    code, said = gateway.upgraded(":", "echo 'no server ever starts'; exit 1")
    assert code == 1 and said[-1] == ("the upgrade failed its checks: revision 3 is back, and ready, but is not verified "
                                      "either: see above")
    assert gateway.read("history").endswith("5 deployed abc 3\n"), "what failed its proof is not marked"


def test_the_way_back_leads_to_what_was_verified_not_to_what_ran_last(gateway):
    gateway.sandbox.write("/tmp/fakes/history", "1 superseded aaa 1\n2 superseded abc 2\n3 deployed abe 2\n")
    code, said = gateway.upgraded(":", FAILS_ONCE)
    assert code == 1 and gateway.read("rolled") == "2\n"
    assert "note: it goes back to revision 2, the last that was verified; revision 3, which ran before, was not" in said


def test_where_nothing_was_ever_verified_what_ran_comes_back(gateway):
    gateway.sandbox.write("/tmp/fakes/history", "2 superseded abc -\n3 deployed abc -\n")
    code, said = gateway.upgraded(":", FAILS_ONCE)
    assert code == 1 and gateway.read("rolled") == "3\n"
    assert "note: no revision is known to be verified: it goes back to 3, which ran before" in said


# -- pods that cannot start, or find no node ---------------------------------------------------------------------

CANNOT = {"phase": "Failed", "containerStatuses": container(
    terminated={"reason": "StartError", "exitCode": 128, "message": "runc: exec: \"run.py\": not found"})}
NO_NODE = {"phase": "Pending", "conditions": [{
    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory."}]}


def test_a_hook_that_cannot_start_is_reported_and_ended_at_its_second_try(gateway):
    pods = [pod(f"hook-image-awaiter-{end}", owner="Job/hook-image-awaiter", **CANNOT) for end in "ab"]
    gateway.has(hooks=[hook("Job", "hook-image-awaiter")], pods=pods[:1])
    gateway.has(later=pods)
    code, said = gateway.upgraded("/bin/sleep 2; cp later pods; exec /bin/sleep 600")
    assert code == 1
    assert said[0] == ("note: hook-image-awaiter-a cannot start (once): StartError: runc: exec: \"run.py\": "
                       "not found")
    assert "hook-image-awaiter-b cannot start (2 times): StartError: runc: exec" in said[2] and said[-1] == BACK


def test_what_an_earlier_upgrade_left_is_not_waited_for(gateway):
    gateway.has(hooks=[hook("Job", "hook-image-awaiter", "2020-01-01T00:00:00Z")],
                pods=[pod(f"hook-image-awaiter-{end}", owner="Job/hook-image-awaiter", **CANNOT) for end in "ab"])
    assert gateway.upgraded("/bin/sleep 1")[0] == 0


def test_what_helm_waits_for_is_on_a_line(gateway):
    gateway.has(hooks=[hook("DaemonSet", "hook-image-puller")], pods=[
        pod("hook-image-puller-a", "chick1", "DaemonSet/hook-image-puller"),
        pod("hook-image-puller-b", "chick2", "DaemonSet/hook-image-puller", phase="Pending",
            containerStatuses=container(waiting={"reason": "ErrImagePull", "message": "no such image"}))])
    assert gateway.upgraded("/bin/sleep 1")[0] == 0
    assert "ErrImagePull: no such image" in gateway.passing[0]
    assert gateway.passing[0].startswith("... helm upgrade, ")


def test_a_hook_whose_container_can_never_be_made_ends_the_wait(gateway):
    gateway.has(hooks=[hook("Job", "migrate")], pods=[
        pod("migrate-x", owner="Job/migrate", phase="Pending", containerStatuses=container(
            waiting={"reason": "CreateContainerConfigError", "message": "secret \"keys\" not found"}))])
    code, said = gateway.upgraded("exec /bin/sleep 600")
    assert code == 1 and said[0].startswith(
        "migrate-x on chick1, container main: CreateContainerConfigError: secret \"keys\" not found, and helm waits")


def test_a_pod_that_is_no_hooks_is_not_waited_for(gateway):
    gateway.has(pods=[pod("jupyter-anna", owner="None/none", **CANNOT)])
    assert gateway.upgraded("/bin/sleep 1")[0] == 0


def test_a_canary_that_finds_no_node_is_reported_with_the_schedulers_reason(gateway):
    gateway.has(pods=[pod("jupyter-coop-canary", "", **NO_NODE)])
    code, said = gateway.upgraded(":", "/bin/sleep 1; " + FAILS_ONCE)
    assert code == 1 and said[0].endswith(
        "no server ever starts; its server: jupyter-coop-canary finds no node: "
        "0/3 nodes are available: 3 Insufficient memory.")


def test_a_canary_whose_scheduler_is_silent_is_reported_with_what_that_says(gateway):
    gateway.has(pods=[pod("jupyter-coop-canary", "", phase="Pending")])
    gateway.sandbox.run("sed -i s/default-scheduler/user-scheduler/ /tmp/fakes/pods")
    gateway.sandbox.write("/tmp/fakes/words", "I1128 leading\nE1128 10:00:00.1 1 reflector.go:204] Failed to watch: "
                          "resourceslices.resource.k8s.io is forbidden\n")
    code, said = gateway.upgraded(":", "/bin/sleep 1; " + FAILS_ONCE)
    assert code == 1 and ("the scheduler user-scheduler has not looked at it yet; it says: Failed to watch: "
                          "resourceslices.resource.k8s.io is forbidden") in said[0]


def test_a_container_that_crashes_ends_the_wait_with_its_last_words(gateway):
    crash = container(waiting={"reason": "CrashLoopBackOff"})
    crash[0]["restartCount"] = 3
    gateway.has(pods=[pod("hub-5d9c", phase="Running", containerStatuses=crash)])
    gateway.sandbox.write("/tmp/fakes/words", "Traceback\nNameError: c\n")
    code, said = gateway.upgraded("touch waits")
    assert code == 1 and said[0] == "hub-5d9c on chick1, container main: CrashLoopBackOff | Traceback | NameError: c"


# -- back by hand --------------------------------------------------------------------------------------------------

AFTER_A_FAILED_UPGRADE = "1 superseded aaa 1\n2 failed abb 1\n3 deployed aaa 1\n"


@pytest.mark.parametrize("history, revision, taken", [
    (AFTER_A_FAILED_UPGRADE, None, 1),
    ("1 superseded aaa 1\n2 superseded abb 2\n3 deployed abc 3\n", None, 2),
    ("1 superseded aaa 1\n2 superseded abb 1\n3 deployed abc 1\n", 2, 2),
], ids=["after one that was rolled back automatically", "the one before", "one that is named"])
def test_a_previous_revision_is_the_last_that_was_verified(gateway, history, revision, taken):
    gateway.sandbox.write("/tmp/fakes/history", history)
    code, said = gateway.rolled_back(revision=revision)
    assert code == 0 and gateway.read("rolled") == f"{taken}\n"
    assert said == [f"note: from revision 3 to {taken}", "ran a cell",
                    f"note: revision {taken} is back, as revision 4, and verified"]
    assert gateway.read("history").splitlines()[-1].endswith(" 4"), "the new one is marked"


@pytest.mark.parametrize("history, revision, told", [
    ("1 superseded aaa -\n2 deployed abb 1\n", None, "no earlier revision is known to be verified"),
    ("2 deployed abb 2\n", None, "no earlier revision is known to be verified"),
    ("2 deployed abb 2\n", 7, "helm has no revision 7"),
])
def test_without_a_revision_to_go_to_nothing_is_touched(gateway, history, revision, told):
    gateway.sandbox.write("/tmp/fakes/history", history)
    code, said = gateway.rolled_back(revision=revision)
    assert code == 1 and told in said[-1] and gateway.read("rolled") == "" and gateway.read("history") == history
    assert any(line.startswith("revision 2: deployed") for line in said), "what there is to name"


def test_a_revision_that_is_brought_back_and_does_not_hold_is_not_marked(gateway):
    gateway.sandbox.write("/tmp/fakes/history", AFTER_A_FAILED_UPGRADE)
    code, said = gateway.rolled_back("echo 'no server ever starts'; exit 1")
    assert code == 1 and said[-2:] == ["no server ever starts",
                                       "revision 1 is back, and ready, but not verified: see above"]
    assert gateway.read("history").endswith("4 deployed aaa 1\n")


def test_a_verification_by_hand_marks_what_runs(gateway):
    gateway.sandbox.write("/tmp/fakes/history", "3 deployed abc -\n")
    assert gateway.run(helm_scripts.prove(released("echo ran a cell"))) == (0, ["ran a cell"])
    assert gateway.read("history") == "3 deployed abc 3\n"


def test_a_verification_of_another_profile_marks_nothing(gateway):
    gateway.sandbox.write("/tmp/fakes/history", "3 deployed abc -\n")
    assert gateway.run(helm_scripts.prove(released("echo ran a cell"), noted=False))[0] == 0
    assert gateway.read("history") == "3 deployed abc -\n"


def test_a_hub_that_restarts_is_waited_for_and_reported_when_it_crashes(gateway):
    assert gateway.run(helm_scripts.restart(released(""))) == (0, ["the hub is ready again"])
    crash = container(waiting={"reason": "CrashLoopBackOff"})
    crash[0]["restartCount"] = 3
    gateway.has(pods=[pod("hub-5d9c", phase="Running", containerStatuses=crash)])
    gateway.sandbox.run("touch /tmp/fakes/waits")
    assert gateway.run(helm_scripts.restart(released(""))) == (
        1, ["hub-5d9c on chick1, container main: CrashLoopBackOff"])


def test_the_plan_of_a_rollback_without_a_database_is_read(gateway):
    """The script and the code that reads its last lines agree on their keys."""
    gateway.sandbox.write("/tmp/fakes/history", AFTER_A_FAILED_UPGRADE)
    code, said = gateway.run(helm_scripts.rollback_plan(released("")))
    plan = helm_scripts.RollbackPlan.read("\n".join(said))
    assert code == 0 and plan is not None and (plan.revision, plan.database, plan.restores, plan.impossible) == (1, "", False, False)
