"""The lab's git host: bare repositories as plain files, which git reads over HTTP with no program behind."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.forge.job import Job
from lab.forge.part import Part

SAMPLE = Path(__file__).parents[2] / "docs/examples/template-repository"
HOST = "git.flock.example"
REPOSITORY = "jupyterhub-templates.git"

#: The same files, author and time make the same commit, so that a rack may pin it.
WHO_AND_WHEN = {"NAME": "The lab", "EMAIL": "lab@flock.example", "DATE": "2026-01-01T00:00:00Z"}
SETTINGS = {
    **{f"GIT_AUTHOR_{what}": value for what, value in WHO_AND_WHEN.items()},
    **{f"GIT_COMMITTER_{what}": value for what, value in WHO_AND_WHEN.items()},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def publish_repository(job: Job) -> None:
    """www/HOST/REPOSITORY with the sample pages as its only commit."""
    place = job.out / "www" / HOST / REPOSITORY
    place.parent.mkdir(parents=True)
    commit(SAMPLE, place, "Pages of the hub")


def commit(folder: Path, repository: Path, message: str) -> str:
    """Put what lies in `folder` on the main branch of a bare repository, which is made if need be.

    Returns the commit; it is an empty one if nothing has changed. Raises CalledProcessError if git fails.
    """
    def git(*words: str) -> str:
        where = {"GIT_DIR": str(repository), "GIT_WORK_TREE": str(folder)}
        return subprocess.run(["git", *words], env={**os.environ, **SETTINGS, **where}, check=True,
                              capture_output=True, text=True).stdout.strip()

    if not repository.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", repository],
                       env={**os.environ, **SETTINGS}, check=True)
        shutil.rmtree(repository / "hooks", ignore_errors=True)
    git("add", "--all", ".")
    git("commit", "--quiet", "--allow-empty", "--message", message)
    git("repack", "-adq")
    git("update-server-info")
    (repository / "index").unlink()
    return git("rev-parse", "HEAD")


files = tuple(sorted(file for file in SAMPLE.rglob("*") if file.is_file()))
published = Part("git-host", publish_repository, files=files)
