"""Commands for helm and kubectl on the gateway: probe a release, upgrade it, test it, and restore a
former revision back. The texts are fabfile/programs/*.sh; here they get their words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from fabfile.programs import shell, text

_PASSING = re.compile(r"^\.\.\. .*\n?", re.MULTILINE)  # what was waited for, every few seconds


@dataclass(frozen=True)
class Database:
    """The hub's database, where it is a file of a claim: the claim's name, the gateway's folder of its copies, and the
    user that is no person's."""

    namespace: str
    release: str
    claim: str
    copies: str
    canary: str = ""

    @property
    def settings(self) -> str:
        return json.dumps(vars(self), sort_keys=True)


@dataclass(frozen=True)
class Released:
    """A release, and how it is verified. `proof` is shell text on the gateway, which starts a server of the user
    `canary`; without one, pods that are ready are proof enough. `limit` is in seconds, for helm's hooks and again for
    the pods. `prove_with` is what an operator types after `inv`."""

    release: str
    namespace: str
    kubeconfig: str
    limit: int = 600
    proof: str = field(default="", repr=False)
    canary: str = ""
    prove_with: str = ""
    database: Database | None = None

    def script(self, *names: str, **more: str) -> str:
        """Programs that stand on release.sh, with what it is to be given."""
        database = self.database
        return shell(
            "release", *names, release=self.release, namespace=self.namespace, kubeconfig=self.kubeconfig,
            limit=str(self.limit), proof=self.proof, canary=self.canary, inv=self.prove_with,
            failure=failure_file(self.namespace, self.release), pods=text("pods.py"),
            database=text("database.py") if database else "", inside=text("inside.py") if database else "",
            about=database.settings if database else "", **more)


def failure_file(namespace: str, release: str) -> str:
    """On the gateway: there while the last proof of this release is one that failed."""
    return f"/var/lib/coop/proofs/{namespace}.{release}"


def other_managers(release: str, namespace: str, kubeconfig: str) -> str:
    """Who else has set fields of what is released now."""
    return shell("others", release=release, namespace=namespace, kubeconfig=kubeconfig)


def probe(release: str, namespace: str, chart: str, values: str, kubeconfig: str, digest: str) -> str:
    """The last revision; unless it is this very one, what would be rendered; and how that differs from what
    is live."""
    return shell("look", release=release, namespace=namespace, chart=chart, kubeconfig=kubeconfig, digest=digest,
                 values=values)


def upgrade(released: Released, chart: str, values: str, override: str, digest: str, force: bool) -> str:
    """Upgrade, pods, proof; or the last revision that was verified again, with the reason, and an exit code of 1."""
    return released.script("upgrade", chart=chart, values=values, override=override or "{}\n", digest=digest,
                           force="--force-conflicts" if force else "")


def rollback(released: Released, revision: int | None = None) -> str:
    """That revision again, or the last that was verified before the one that runs, with its database; proved."""
    return released.script("rollback", wanted=str(revision) if revision else "")


def rollback_plan(released: Released, revision: int | None = None) -> str:
    """What that would do; the last two lines are for `RollbackPlan`."""
    return released.script("rollback_plan", wanted=str(revision) if revision else "")


@dataclass(frozen=True)
class RollbackPlan:
    """Which revision comes back, and what becomes of the hub's database with it. `shown` is for a person."""

    shown: str
    revision: int
    database: str  # in words
    restores: bool  # the database goes back too: what came since is lost
    impossible: bool  # no database that the revision could read is left

    @classmethod
    def read(cls, answer: str) -> RollbackPlan | None:
        """What the script said; None when it could not be planned."""
        lines = answer.rstrip("\n").split("\n")
        try:
            database, revision = json.loads(lines[-1]), int(lines[-2])
        except (ValueError, IndexError):
            return None
        return cls("\n".join(lines[:-2]), revision, database["text"], database["restore"],
                   database.get("no_way_back", False))


def restart(released: Released) -> str:
    """The hub starts again, and is waited for."""
    return released.script("restart")


def prove(released: Released, noted: bool = True) -> str:
    """The proof of what runs; `noted`: it is marked as verified, so that one can come back to it."""
    return released.script("prove", noted="yes" if noted else "")


def lasting(said: str) -> str:
    """What such a script has said, without what was true only for a moment."""
    return _PASSING.sub("", said)


def database_program(database: Database, kubeconfig: str, *words: str) -> str:
    """database.py with these words, as shell text."""
    return shell("database", kubeconfig=kubeconfig, database=text("database.py"), inside=text("inside.py"),
                 about=database.settings, words=" ".join(words))
