"""A hub's database, from the gateway: `database.py copy | plan REVISION | fit REVISION`, with settings as JSON first.

    copy            onto the gateway, as what belongs to the revision that runs
    plan REVISION   what `fit` would do, as JSON
    fit REVISION    a database that this revision's hub can read: the one that is there, whenever it can; else the
                    latest copy that it can read, with the hub stopped

JupyterHub migrates its database forward and never back. Whether a hub can read a database is asked of its own image:
a pod of it mounts the claim, for as long as that takes. `fit` ends with 3 when there is no way back.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import inside  # type: ignore[import-not-found]  # it lies beside this one where they run

POD = "coop-database"
KEEP = 10  # copies on the gateway
POD_LIMIT, STOP_LIMIT = 60, 90  # seconds
CONTAINER = "hub"

Thing = dict[str, Any]  # an object of Kubernetes, or what is known of a database
Do = Callable[..., Any]  # runs inside.py with these words


class Failed(Exception):
    """A message for a person."""


class NoWayBack(Failed):
    """The database cannot be read by the revision, and no copy can."""


class Hub:
    """One hub on the cluster: namespace, release, claim, the folder of its copies on the gateway; and its canary, a
    user that is no person's."""

    def __init__(self, namespace: str, release: str, claim: str, copies: str, canary: str) -> None:
        self.namespace, self.release, self.claim, self.copies, self.canary = namespace, release, claim, copies, canary

    def kubectl(self, *words: str, **more: Any) -> Any:
        """What kubectl prints. Raises Failed with what it complains of."""
        limit = () if words[0] == "exec" else ("--request-timeout=20s",)  # a large database takes longer
        return run("kubectl", *limit, "-n", self.namespace, *words, **more)

    def get(self, *words: str) -> Thing | None:
        """An object; None when there is none."""
        said = self.kubectl("get", *words, "--ignore-not-found", "-o", "json")
        return json.loads(said) if said.strip() else None

    def running_revision(self) -> int:
        """helm's number of what was deployed last; 0 when nothing was."""
        label = f"owner=helm,name={self.release},status=deployed"
        found = json.loads(self.kubectl("get", "secrets", "-l", label, "-o", "json"))["items"]
        return max((int(one["metadata"]["labels"]["version"]) for one in found), default=0)

    def deployment_of(self, revision: int) -> Thing:
        """The hub's Deployment as that revision has it."""
        manifest = run("helm", "-n", self.namespace, "get", "manifest", self.release, "--revision", str(revision))
        for one in f"\n{manifest}".split("\n---"):
            lines = [line.rstrip() for line in one.split("\n")]
            if "kind: Deployment" in lines and "  name: hub" in lines:
                said = self.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-",
                                    stdin=one.encode())
                made: Thing = json.loads(said)
                return made
        raise Failed(f"revision {revision} has no Deployment hub")

    def claim_uid(self) -> str:
        claim = self.get("pvc", self.claim)
        return claim["metadata"]["uid"] if claim else ""


def run(*words: str, stdin: bytes = b"", raw: bool = False, limit: float = 120) -> Any:
    """What a program prints. Raises Failed."""
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]} gave no answer within {limit} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"{words[0]} failed with exit code {done.returncode}"]
        raise Failed(said[-1])
    return done.stdout if raw else done.stdout.decode(errors="replace")


def note(text: str) -> None:
    """What an operator reads at once, and keeps."""
    print(f"note: {text}", flush=True)


def when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


# -- a pod beside the hub ------------------------------------------------------------------------------------

def helper_of(hub: Hub, deployment: Thing) -> Thing | None:
    """A pod that sees what the hub sees of its claim, with the same rights; None when that hub's database lies
    elsewhere."""
    template = deployment["spec"]["template"]["spec"]
    own = next(one for one in template["containers"] if one["name"] == CONTAINER)
    volume = next((one for one in template.get("volumes", [])
                   if one.get("persistentVolumeClaim", {}).get("claimName") == hub.claim), None)
    mount = next((one for one in own.get("volumeMounts", []) if volume and one["name"] == volume["name"]), None)
    if mount is None:
        return None
    same = ("securityContext", "nodeSelector", "tolerations", "affinity", "imagePullSecrets")
    container = {
        "name": CONTAINER, "image": own["image"], "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", "import time; time.sleep(900)"], "volumeMounts": [mount],
        "env": [{"name": "COOP_DATABASE_FOLDER", "value": mount["mountPath"]}],
        "resources": {"requests": {"cpu": "1m", "memory": "32Mi"}},
        **{key: own[key] for key in ("securityContext",) if key in own}
    }
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": POD, "labels": {"app.kubernetes.io/managed-by": "coop"}},
        "spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 900, "terminationGracePeriodSeconds": 0,
                 "automountServiceAccountToken": False, "enableServiceLinks": False, "containers": [container],
                 "volumes": [volume], **{key: template[key] for key in same if key in template}}
    }


@contextmanager
def beside(hub: Hub, deployment: Thing) -> Iterator[Do | None]:
    """Runs `inside.py` where the hub's database is, whether or not its hub runs. Gives None when it is no file of
    the claim. Raises Failed."""
    pod = helper_of(hub, deployment)
    if pod is None:
        yield None
        return
    away = ("delete", "pod", POD, "--ignore-not-found", "--grace-period=0", "--force")
    hub.kubectl(*away)
    hub.kubectl("create", "-f", "-", stdin=json.dumps(pod).encode())
    try:
        until_it_runs(hub)
        yield lambda *words, **more: hub.kubectl("exec", "-i", POD, "--", *program(*words), **more)
    finally:
        hub.kubectl(*away, "--wait=false")


def until_it_runs(hub: Hub) -> None:
    end = time.monotonic() + POD_LIMIT
    while True:
        pod = hub.get("pod", POD) or {"status": {}}
        if pod["status"].get("phase") == "Running":
            return
        if time.monotonic() > end:
            raise Failed(f"the pod that looks at the hub's database does not run after {POD_LIMIT} s: {why(pod)}")
        time.sleep(0.5)


def why(pod: Thing) -> str:
    """What keeps it from running."""
    for one in pod["status"].get("conditions", []):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return str(one.get("message", ""))
    for one in pod["status"].get("containerStatuses", []):
        waiting = one.get("state", {}).get("waiting", {})
        return f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    return "the kubelet has not begun with it"


def program(*words: str) -> tuple[str, ...]:
    with open(inside.__file__, encoding="utf-8") as file:
        return "python3", "-c", file.read(), *words


# -- copies on the gateway -----------------------------------------------------------------------------------

def copies(hub: Hub) -> Iterator[tuple[str, Thing, Thing]]:
    """(path, notes, description) of each copy that belongs to this claim and is whole, the latest first."""
    uid = hub.claim_uid()
    for path in sorted(glob.glob(f"{hub.copies}/*.sqlite"), reverse=True):
        try:
            with open(f"{path}.json", encoding="utf-8") as file:
                notes = json.load(file)
            if notes["claim"] == uid and notes["sha256"] == digest(path):
                yield path, notes, inside.description(path) | {"taken": notes["taken"]}
        except (OSError, ValueError, KeyError, inside.sqlite3.DatabaseError):
            continue


def digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def latest_copy(hub: Hub) -> str:
    """In words, when the latest copy was made."""
    found = next(copies(hub), None)
    return f"the latest copy is {found[0]}, of {when(found[1]['taken'])}" if found else "there is no earlier copy"


def copy(hub: Hub) -> None:
    """The database as it is now, tied to the revision that runs."""
    deployment = hub.get("deployment", "hub")
    if deployment is None:
        return print("there is no hub yet: nothing to copy")
    revision = hub.running_revision()
    if deployment.get("status", {}).get("readyReplicas") == 1:
        try:
            data = hub.kubectl("exec", "deployment/hub", "-c", CONTAINER, "--", *program("copy"), raw=True)
        except Failed as error:
            raise Failed(f"the hub's database cannot be copied from {node_of(hub)}: nothing was touched ({error})") from None
        return keep(hub, revision, data)
    try:
        with beside(hub, deployment) as do:
            if do is None:
                return print("the hub keeps no database in its claim: nothing to copy")
            data = do("copy", raw=True)
    except Failed as error:
        return note(f"the hub does not run and its database cannot be read: no copy of it is made now ({error}); "
                    f"{latest_copy(hub)}")
    note("the hub does not run; its database is copied past it")
    return keep(hub, revision, data)


def node_of(hub: Hub) -> str:
    found = hub.get("pods", "-l", "component=hub") or {"items": []}
    return next((one["spec"].get("nodeName", "") for one in found["items"]), "") or "its node"


def keep(hub: Hub, revision: int, data: bytes) -> None:
    if not data.startswith(b"SQLite format 3"):
        raise Failed("what came from the hub is no database")
    os.umask(0o077)
    os.makedirs(hub.copies, exist_ok=True)
    path = f"{hub.copies}/{datetime.now(timezone.utc):%Y%m%d-%H%M%S}.sqlite"
    write(f"{path}.new", data)
    found = inside.description(f"{path}.new")
    notes = {"revision": revision, "claim": hub.claim_uid(), "sha256": hashlib.sha256(data).hexdigest(),
             "schema": found["schema"], "users": len(found["users"]), "taken": time.time()}
    write(f"{path}.json", json.dumps(notes, indent=1).encode())
    os.rename(f"{path}.new", path)
    for old in sorted(glob.glob(f"{hub.copies}/*.sqlite"))[:-KEEP]:
        os.unlink(old)
        if os.path.exists(f"{old}.json"):
            os.unlink(f"{old}.json")
    print(f"the database of revision {revision} is in {path}: schema {found['schema']}, {len(found['users'])} users")


def write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# -- the way back --------------------------------------------------------------------------------------------

def planned(hub: Hub, revision: int, seen: Thing) -> Thing:
    """What `fit` does: {"restore": False}, or True with "file" (beside the database, or on the gateway), "taken",
    "lost" (users, servers, tokens since then). Raises NoWayBack."""
    here, known = seen["here"], seen["known"]
    found = [(one["taken"], path, True, one) for path, one in seen["beside"].items() if one["schema"] in known]
    mine = [(one["taken"], path, False, one, notes) for path, notes, one in copies(hub) if one["schema"] in known]
    if here is None:
        return {"restore": False, "why": "the hub has no database yet"}
    if reads(here, known, [one[3] for one in mine if one[4]["revision"] == revision]):
        return {"restore": False, "why": f"revision {revision} reads its schema, {here['schema'] or 'none'}"}
    found = sorted([*found, *(one[:4] for one in mine)], key=lambda one: one[0])
    if not found:
        raise NoWayBack(f"revision {revision} cannot read the database, whose schema is {here['schema']}, and no copy "
                        "that it can read is left")
    taken, path, is_beside, former = found[-1]
    lost = {key: [one for one in here[key] if one not in former[key]] for key in ("users", "servers")}
    lost = {key: [name for name in names if name != hub.canary] for key, names in lost.items()}
    had = {number for number, _ in former["tokens"]}
    lost["tokens"] = [number for number, user in here["tokens"] if number not in had and user != hub.canary]
    return {"restore": True, "file": path, "beside": is_beside, "taken": taken, "lost": lost,
            "schemas": [here["schema"], former["schema"]], "users": [len(here["users"]), len(former["users"])]}


def reads(here: Thing, known: list[str], belonging: list[Thing]) -> bool:
    """Whether a hub can go on with this database: it knows the schema, and no migration has stopped half way."""
    if here["schema"] and here["schema"] not in known:
        return False
    same = next((one for one in belonging if one["schema"] == here["schema"]), None)
    return same is None or all(here["columns"].get(table) == columns for table, columns in same["columns"].items())


def format_plan(plan: Thing) -> str:
    """The plan in words."""
    if not plan["restore"]:
        return f"the hub's database stays as it is: {plan['why']}"
    lost = plan["lost"]
    since = [f"{len(lost[key])} {key}" + (f" ({', '.join(map(str, lost[key][:10]))})" if key != "tokens" else "")
             for key in ("users", "servers", "tokens") if lost[key]]
    where = "the hub's own copy" if plan["beside"] else "the copy on the gateway"
    return (f"the hub's database goes back from schema {plan['schemas'][0]} to {plan['schemas'][1]}, as it was at "
            f"{when(plan['taken'])} ({where}, {os.path.basename(plan['file'])}, {plan['users'][1]} users); since then came, "
            f"and is lost: {', '.join(since) or 'nothing'}")


def fit(hub: Hub, revision: int) -> None:
    with beside(hub, hub.deployment_of(revision)) as do:
        if do is None:
            return print("the hub's database is no file of its claim: it stays as it is")
        plan = planned(hub, revision, json.loads(do("look")))
        if not plan["restore"]:
            return print(format_plan(plan))
        note(format_plan(plan))
        stop(hub)
        data = b""
        if not plan["beside"]:
            with open(plan["file"], "rb") as file:
                data = file.read()
        former = do("put", plan["file"] if plan["beside"] else "-", stdin=data).strip()
        note(f"the database that was there is kept beside it, as {former}")


def plan(hub: Hub, revision: int) -> None:
    try:
        with beside(hub, hub.deployment_of(revision)) as do:
            found = {"restore": False, "why": "it is no file of the hub's claim"} if do is None else \
                planned(hub, revision, json.loads(do("look")))
        print(json.dumps({"restore": found["restore"], "text": format_plan(found)}))
    except NoWayBack as error:
        print(json.dumps({"restore": False, "text": str(error), "no_way_back": True}))


def stop(hub: Hub) -> None:
    """No hub runs afterwards. What comes next, the revision's own Deployment, starts one."""
    hub.kubectl("scale", "deployment/hub", "--replicas=0")
    labels = (hub.get("deployment", "hub") or {})["spec"]["selector"]["matchLabels"]
    which = ",".join(f"{key}={value}" for key, value in labels.items())
    end = time.monotonic() + STOP_LIMIT
    while json.loads(hub.kubectl("get", "pods", "-l", which, "-o", "json"))["items"]:
        if time.monotonic() > end:
            raise Failed(f"the hub does not stop within {STOP_LIMIT} s: its database is not touched")
        time.sleep(0.5)


def main(settings: str, verb: str, *revision: str) -> int:
    try:
        verbs: dict[str, Callable[..., None]] = {"copy": copy, "plan": plan, "fit": fit}
        verbs[verb](Hub(**json.loads(settings)), *map(int, revision))
    except NoWayBack as error:
        print(error)
        return 3
    except Failed as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
