"""uv, told of the index, certificates and proxy that pip is configured for: uv reads nothing of pip's by itself.

    python -m lab.forge.uv pip install …    # uv's own words follow

The standard library alone, for bin/setup runs it before anything else is installed.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path

#: What pip's configuration says of the index → the variable by which uv is told so.
VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
             "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY", "trusted-host": "UV_INSECURE_HOST"}

# as `pip config list` prints them: the value as Python writes it
SETTING = re.compile(r"^(?P<section>[^.\s]+)\.\.?(?P<key>[a-z-]+)=(?P<value>'.*'|\".*\")$", re.MULTILINE)
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # of Debian; uv has its own, which do not know a site's proxy

#: Of pip's sections those that `pip install` obeys, the one that counts most last.
SECTIONS = ("global", "install", ":env:")

PROGRAM = Path(sys.executable).with_name("uv")
PIP_CONFIGURATION = (sys.executable, "-m", "pip", "config", "list")


def environment(pip: str) -> Mapping[str, str]:
    """What is set for uv beside this process's environment. `pip` is what `pip config list` printed."""
    told = "SSL_CERT_FILE" in os.environ or not AUTHORITIES.exists()
    return {**({} if told else {"SSL_CERT_FILE": str(AUTHORITIES)}), **settings(pip)}


def settings(pip: str) -> Mapping[str, str]:
    """uv's variables for what `pip config list` printed: the computer's own index, not another."""
    found = [each for each in SETTING.finditer(pip) if each["section"] in SECTIONS and each["key"] in VARIABLES]
    values = {each["key"]: " ".join(literal_eval(each["value"]).split())
              for each in sorted(found, key=lambda each: SECTIONS.index(each["section"]))}
    if "find-links" in values:
        values["find-links"] = ",".join(filter(_is_there, values["find-links"].split()))
    return {VARIABLES[key]: value for key, value in values.items() if value}


def _is_there(link: str) -> bool:
    """pip passes over a folder that does not exist; uv would end."""
    return not link.startswith("/") or Path(link).exists()


if __name__ == "__main__":
    configuration = subprocess.run(PIP_CONFIGURATION, check=True, capture_output=True, text=True).stdout
    os.execve(PROGRAM, [str(PROGRAM), *sys.argv[1:]], {**os.environ, **environment(configuration)})
