"""The baseboard management controllers (BMCs) of a rack's machines: how each is reached, and its account.

    bmc: 192.168.0.101                                        # shown, and never talked to
    bmc: {address: 192.168.0.101, protocol: redfish, user: ADMIN, public_key: sha256//…, console: ipmi}

Their passwords are in configs/secrets.yaml:

    bmc:
      password: …                     # of all of them
      machines: {chick3: …}           # of one that has another
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from fabfile.rack.values import Address, HostKey, Part, pattern
from fabfile.secret import Secret

BMC = "bmc"  # the key of secrets.yaml
Pin = Annotated[str, pattern(
    r"sha256//[A-Za-z0-9+/]{43}=", "the SHA-256 of a public key, as curl's --pinnedpubkey takes it",
    "`inv rack.bmc` shows the key of a BMC that has none here")]
Account = Annotated[str, pattern(r"[A-Za-z0-9._@-]{1,16}", "the name of a BMC's account", "such as ADMIN")]


class Bmc(Part):
    """The BMC of one machine."""

    address: Address = Field(examples=["192.168.0.101"])
    protocol: Literal["redfish", "ipmi"] | None = None  # none: it is not talked to
    user: Account | None = None
    public_key: Pin | None = None  # of its certificate; nothing is said to a BMC that shows another one
    cipher_suite: Literal[3, 17] | None = None  # of IPMI; none: 17
    console: Literal["ipmi", "ssh"] | None = None  # how the machine's serial console is read; none: by IPMI, or not by Redfish
    console_key: HostKey | None = None  # of the BMC's own SSH server

    @property
    def reads_console(self) -> str:
        """By what: "ipmi", "ssh", or nothing."""
        return self.console or ("ipmi" if self.protocol == "ipmi" else "")


def with_address(value: object) -> object:
    """The address alone stands for the whole."""
    return value if isinstance(value, Mapping) else {"address": value}


def password_of(secrets: Mapping[str, Any], machine: str) -> Secret | None:
    """The password of a machine's BMC; None: the file has none."""
    of_all = secrets.get(BMC) or {}
    found = (of_all.get("machines") or {}).get(machine) or of_all.get("password")
    return found if isinstance(found, Secret) else None
