"""The BMC of an emulated machine: Redfish, at an address of the BMCs' own network, with the lab's supervisor as its power switch."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

from lab import kernel
from lab.bmc.redfish import SYSTEMS, Server, Service, Settings
from lab.emulated import CONSOLE, CONTROL, Emulated, card
from lab.handle import Lab
from lab.monitor import connected, tell
from lab.places import Places
from lab.porch import pump

USER = "ADMIN"
SYSTEM, MANAGER = f"{SYSTEMS}/1", "/redfish/v1/Managers/1"


def resources(machine: Emulated) -> dict[str, Any]:
    """What the service says, in the words of a Supermicro board."""
    mode = "Legacy" if machine.firmware == "bios" else "UEFI"
    return {
        SYSTEMS: {"Members": [{"@odata.id": SYSTEM}]},
        SYSTEM: {
            "Manufacturer": "Supermicro", "Model": "X9DRT", "SerialNumber": machine.serial, "UUID": machine.uuid,
            "PowerState": "Off", "Status": {"Health": "OK", "State": "Enabled"}, "IndicatorLED": "Off",
            "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideMode": mode, "BootSourceOverrideTarget": "None",
                     "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"]},
            "Actions": {"#ComputerSystem.Reset": {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                                       "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "GracefulShutdown"]}},
            "Links": {"ManagedBy": [{"@odata.id": MANAGER}]},
        },
        MANAGER: {"FirmwareVersion": "1.0"},
    }


def certificate(places: Places, name: str) -> Path:
    """A machine's BMC's own certificate and key, made once."""
    path = places.folder / "bmcs" / f"{name}.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", f"/CN=bmc-{name}", "-days", "3650",
                        "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
        path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


def public_key(certificate: Path) -> str:
    """ "sha256//…", as hosts.yaml has it."""
    public = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    raw = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(raw).digest()).decode()


def password(places: Places) -> str:
    """The one of all BMCs of a lab, made once."""
    path = places.folder / "bmcs" / "password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(8))
        path.chmod(0o600)
    return path.read_text()


class Wired:
    """An emulated machine as its BMC sees it (lab/bmc/machine.py): a box of the supervisor's."""

    def __init__(self, places: Places, machine: Emulated):
        self._lab, self._name, self._folder = Lab(places), machine.name, places.machine(machine.name)

    @property
    def on(self) -> bool:
        return self._lab.status()[self._name].pid is not None

    def start(self, source: str) -> None:
        if self.on:
            return
        first = "disk" if source == "Hdd" else "network"
        self._lab.ask(do="on", machine=self._name, first=first)
        if first == "disk":  # from its next reset on, it is as usual
            tell(self._folder / CONTROL, "qom-set", path="/machine/peripheral/card", property="bootindex", value=card("network"))

    def stop(self) -> None:
        self._lab.ask(do="off", machine=self._name)

    def shut_down(self) -> None:
        if self.on:
            tell(self._folder / CONTROL, "system_powerdown")

    def attach(self, console: socket.socket) -> None:
        with connected(self._folder / CONSOLE) as port:
            port.settimeout(None)
            back = threading.Thread(target=pump, args=(port, console), daemon=True)
            back.start()
            pump(console, port)
            back.join()


def serve(places: Places, machine: Emulated, address: str) -> None:
    """Answer at address:443 of the BMCs' network, for ever."""
    settings = Settings(resources(machine), address, str(certificate(places, machine.name)), f"{USER}:{password(places)}",
                        str(places.internet / f"bmc-{machine.name}.requests"))
    kernel.enter(places.namespace_path("management"), kernel.NET)
    Server(Service(settings, Wired(places, machine))).serve_forever()
