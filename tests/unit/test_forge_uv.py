"""uv is told of the index that pip is configured for."""
from __future__ import annotations

import pytest

from lab.forge import uv

CASES = {
    "nothing is configured": ("", {}),
    "what has no meaning for uv": ("global.timeout='180'\n:env:.disable-pip-version-check='1'\n", {}),
    "a file": ("global.index-url='https://pypi.example/simple'\nglobal.cert='/etc/ssl/ca.crt'\n",
               {"UV_DEFAULT_INDEX": "https://pypi.example/simple", "SSL_CERT_FILE": "/etc/ssl/ca.crt"}),
    "the environment counts more than a file, whatever the order": (
        ":env:.index-url='https://b.example/simple'\nglobal.index-url='https://a.example/simple'\n",
        {"UV_DEFAULT_INDEX": "https://b.example/simple"}),
    "for installations more than for all commands": (
        "install.find-links='/usr'\nglobal.find-links='/etc'\n", {"UV_FIND_LINKS": "/usr"}),
    "folders and pages of wheels, of which one folder is missing": (
        ":env:.find-links='/usr /nonexistent https://wheels.example/'\n", {"UV_FIND_LINKS": "/usr,https://wheels.example/"}),
    "several lines, as pip writes them": ("global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'\n",
                                          {"UV_INDEX": "https://a.example https://b.example"}),
    "a value with a quote": ("global.cert=\"/etc/ssl/the lab's.crt\"\n", {"SSL_CERT_FILE": "/etc/ssl/the lab's.crt"}),
    "a folder that is not there": (":env:.find-links='/nonexistent'\n", {}),
    "of another command": ("download.index-url='https://c.example/simple'\n", {}),
    "several hosts": ("global.extra-index-url='https://a.example https://b.example'\nglobal.trusted-host='a.example'\n",
                      {"UV_INDEX": "https://a.example https://b.example", "UV_INSECURE_HOST": "a.example"}),
}


@pytest.mark.parametrize(("pip", "variables"), CASES.values(), ids=CASES)
def test_what_pip_list_says_becomes_variables(pip: str, variables: dict[str, str]) -> None:
    assert uv.settings(pip) == variables
