"""Chicks as installers leave them (installed/*.sh), before Coop has touched them: each has its address by another way."""

from __future__ import annotations

from pathlib import Path

from conftest import wait_until

from lab.handle import Lab

HERE = Path(__file__).parent / "installed"
WAYS = {"chick0": "debian", "chick1": "debian-dhcp", "chick2": "ubuntu"}
#: By which program a machine has its address: how it is asked, and what it says.
ASKED = {
    "debian": "systemctl is-active networking; systemctl is-active systemd-networkd",
    "debian-dhcp": "pgrep -x dhcpcd >/dev/null && echo dhcpcd; systemctl is-active systemd-networkd",
    "ubuntu": "networkctl -n 0 status enp1s0 | grep -o '/run/systemd/network/.*'",
}
SAID = {
    "debian": "active\ninactive\n",
    "debian-dhcp": "dhcpcd\ninactive\n",
    "ubuntu": "/run/systemd/network/10-netplan-enp1s0.network\n",
}


def prepare(lab: Lab, operator) -> None:
    """Sets rooster up, the chicks' route to a mirror, installs on each what its way needs, and starts it again."""
    operator.inv("gateway.apply")
    router = str(lab.machines["chick0"].default_route)
    for name, way in WAYS.items():
        system, _, by_dhcp = way.partition("-")
        text = (HERE / f"{system}.sh").read_text()
        lab.run(name, "sh", "-euc", f"address={'' if by_dhcp else lab.machines[name].ports[0].address} router={router}\n"
                f"export DEBIAN_FRONTEND=noninteractive\napt-get -q update\n{text}")
        lab.off(name)
        lab.on(name)
    for name, way in WAYS.items():
        wait_until(f"{name} has its address by {way}", lambda name=name, way=way: way_of(lab, name) == SAID[way])


def way_of(lab: Lab, name: str) -> str:
    """What the machine says of it."""
    return lab.run(name, "sh", "-c", ASKED[WAYS[name]], check=False).stdout
