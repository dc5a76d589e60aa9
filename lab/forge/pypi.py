"""Packages from the Python package index, by uv: pip needs four times its CPU time for the same files (docs/performance.md)."""
from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.forge.job import Job

#: What pip's configuration says of the index → the variable by which uv is told so. uv reads nothing of pip's by itself.
UV_VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
                "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY", "trusted-host": "UV_INSECURE_HOST"}

SETTING = re.compile(r"^(?P<section>[^.\s]+)\.\.?(?P<key>[a-z-]+)='(?P<value>.*)'$", re.MULTILINE)

#: Of pip's sections those that `pip install` obeys, the one that counts most last.
SECTIONS = ("global", "install", ":env:")


def install(job: Job, target: Path, *wanted: str | Path) -> None:
    """Wheels below `target`, without what they depend on; `wanted` are uv's own words: names and options."""
    uv = Path(sys.executable).with_name("uv")
    configuration = job.run(sys.executable, "-m", "pip", "config", "list")
    job.run(uv, "pip", "install", "--no-config", "--quiet", "--no-deps", "--only-binary", ":all:", "--link-mode", "hardlink",
            "--cache-dir", job.scratch("uv"), "--target", target, *wanted, env=uv_settings(configuration))
    (target / ".lock").unlink(missing_ok=True)


def uv_settings(pip: str) -> Mapping[str, str]:
    """uv's variables for what `pip config list` printed: the computer's own index, not another."""
    found = [each for each in SETTING.finditer(pip) if each["section"] in SECTIONS and each["key"] in UV_VARIABLES]
    return {UV_VARIABLES[each["key"]]: each["value"] for each in sorted(found, key=lambda each: SECTIONS.index(each["section"]))}
