"""The answers that Debian's installer gets for one machine: the rack's, and what install.yaml adds in debconf's own names.

No secret is among them: no password, no private key, no token of the cluster. Which disks are written is not among them
either: the guard (programs/guard.sh) names those when it has seen them and has claimed the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fabfile.rack.files import INSTALL
from fabfile.rack.install import System
from fabfile.rack.machines import Machine
from fabfile.rack.merge import merge
from fabfile.rack.model import Rack
from fabfile.rack.problem import Problem
from fabfile.upstream.documents import against
from fabfile.upstream.questions import INSTALLER, kind_of

Tree = dict[str, Any]
SUITE = "trixie"
UNCLAIMED = "/dev/not-claimed-yet"  # no answer at all would mean: the only disk, whichever it is
METHODS = {"plain": "regular", "lvm": "lvm", "mirror": "raid", "lvm-mirror": "raid"}

# partman's own words. `default` partitions a disk, then `lvm` fills what is given to LVM: what is of no use to one of
# the two is marked as ignored by it. There is no swap, which kubelet refuses.
_BIOS = "1 1 1 free $iflabel{ gpt } $lvmignore{ } $reusemethod{ } method{ biosgrub } ."
_EFI = "512 512 512 free $iflabel{ gpt } $lvmignore{ } $reusemethod{ } method{ efi } format{ } ."
_EXT4 = "method{ format } format{ } use_filesystem{ } filesystem{ ext4 }"
_RAID = "$lvmignore{ } method{ raid } ."
RECIPES = {
    "plain": f"coop :: {_BIOS} {_EFI} 4000 8000 -1 ext4 {_EXT4} mountpoint{{ / }} .",
    "lvm": f"coop :: {_BIOS} {_EFI} 768 768 768 ext4 {_EXT4} mountpoint{{ /boot }} . "
           f"4000 8000 -1 ext4 $lvmok{{ }} {_EXT4} mountpoint{{ / }} .".replace("$lvmignore{ } ", ""),
    "mirror": f"coop :: {_BIOS} {_EFI} 4000 8000 -1 raid {_RAID}",
    "lvm-mirror": f"coop :: {_BIOS} {_EFI} 768 768 768 raid {_RAID} 4000 8000 -1 raid {_RAID} "
                  f"4000 8000 -1 ext4 $defaultignore{{ }} $lvmok{{ }} {_EXT4} mountpoint{{ / }} .",
}


def system_of(rack: Rack, machine: Machine) -> System:
    """What the machine is installed with. The rack has an install.yaml."""
    assert rack.install is not None
    return rack.install.systems[name_of(rack, machine)]


def name_of(rack: Rack, machine: Machine) -> str:
    """Of that system."""
    assert rack.install is not None
    return machine.install or rack.install.default


def served_at(rack: Rack) -> str:
    """Where rooster serves the installer: "10.0.0.1:8080"."""
    assert rack.install is not None
    return f"{rack.gateway.address()}:{rack.install.port}"


def components_list(rack: Rack, machine: Machine) -> str:
    """The address at which rooster passes on the mirror's list of the installer's components."""
    from urllib.parse import urlsplit

    system = system_of(rack, machine)
    suite = (system.preseed.get(INSTALLER) or {}).get("mirror/udeb/suite") or SUITE
    path = urlsplit(system.mirror).path.rstrip("/")
    return f"http://{served_at(rack)}{path}/dists/{suite}/main/debian-installer/binary-amd64/Packages.gz"


def demanded(rack: Rack, machine: Machine) -> Tree:
    """What holds whatever is written: the network, who may log in, and that no disk is chosen by chance."""
    from urllib.parse import urlsplit

    system, rooster, user = system_of(rack, machine), served_at(rack), rack.operator.user
    fetched = " && ".join(f"wget -q -O /tmp/{name} http://{rooster}/{name}" for name in ("guard", "late"))
    answers: Tree = {
        "preseed/early_command": fetched,
        "partman/early_command": "sh /tmp/guard || poweroff -f",
        "preseed/late_command": "sh /tmp/late",
        "netcfg/get_hostname": machine.name,
        "netcfg/get_domain": rack.network.domain,
        "mirror/country": "manual",
        "mirror/protocol": "http",
        "mirror/http/hostname": rooster,
        "mirror/http/directory": urlsplit(system.mirror).path.rstrip("/") or "/",
        "mirror/http/proxy": "",
        "mirror/suite": SUITE,
        "apt-setup/security_host": rooster,  # it asks there for /debian-security
        "clock-setup/ntp": True,
        "clock-setup/ntp-server": str(rack.gateway.address()),
        "partman-auto/method": METHODS[system.layout],
        "partman-auto/disk": UNCLAIMED,
        "partman-partitioning/choose_label": "gpt",
        "partman-partitioning/default_label": "gpt",
        "partman-partitioning/confirm_write_new_label": True,
        "partman-basicfilesystems/no_swap": False,
        "partman-efi/non_efi_system": True,
        "partman/choose_partition": "finish",
        "partman/confirm": True,
        "partman/confirm_nooverwrite": True,
        "grub-installer/bootdev": UNCLAIMED,
        "grub-installer/only_debian": True,
        "finish-install/reboot_in_progress": "",
    }
    if "lvm" in system.layout:
        answers |= {"partman-lvm/confirm": True, "partman-lvm/confirm_nooverwrite": True, "partman-auto-lvm/guided_size": "max"}
    if "mirror" in system.layout:
        answers |= {"partman-md/confirm": True, "partman-md/confirm_nooverwrite": True}
    # the guard has seen that every member of such a group is a disk that this order names
    answers |= {"partman-lvm/device_remove_lvm": True, "partman-md/device_remove_md": True}
    if user == "root":
        answers |= {"passwd/root-login": True, "passwd/root-password-crypted": "!", "passwd/make-user": False}
    else:
        answers |= {"passwd/root-login": False, "passwd/make-user": True, "passwd/username": user,
                    "passwd/user-fullname": user, "passwd/user-password-crypted": "!"}
    return {INSTALLER: answers}


def proposed(rack: Rack, machine: Machine) -> Tree:
    """What gives way to what is written."""
    return {INSTALLER: {
        "debian-installer/locale": "en_US.UTF-8",  # with C.UTF-8 it asks in which country the machine is
        "keyboard-configuration/xkb-keymap": "us",
        "time/zone": "Etc/UTC",
        "clock-setup/utc": True,
        "apt-setup/services-select": "security, updates",
        "apt-setup/enable-source-repositories": False,
        "apt-setup/non-free-firmware": True,
        "partman-auto/expert_recipe": RECIPES[system_of(rack, machine).layout],
        "pkgsel/run_tasksel": False,
        "pkgsel/include": "openssh-server sudo",
        "grub-installer/force-efi-extra-removable": True,
        "grub-installer/update-nvram": False,  # the network stays where it is in the firmware's order
        "finish-install/keep-consoles": True,
    }, "popularity-contest": {"popularity-contest/participate": False}}


def preseed(rack: Rack, machine: Machine) -> str:
    """The preseed of one machine, as its installer fetches it."""
    answers = merge(demanded(rack, machine), system_of(rack, machine).preseed, proposed(rack, machine)).values
    lines = [f"# Rendered from hosts.yaml and configs/install.yaml for {machine.name}."]
    for owner, of_owner in answers.items():
        for name, answer in of_owner.items():
            said = str(answer).lower() if isinstance(answer, bool) else "" if answer is None else str(answer)
            lines.append(f"{owner} {name} {kind_of(owner, name, answer)} {said}".rstrip())
    return "\n".join(lines) + "\n"


def included(rack: Rack, system: str) -> list[str]:
    """The packages that an installation adds, as install.yaml says."""
    assert rack.install is not None
    answers = rack.install.systems[system].preseed.get(INSTALLER) or {}
    return str(answers.get("pkgsel/include") or "").split()


def contradictions(rack: Rack) -> Iterator[Problem]:
    """All that install.yaml says against the rack, for the first machine that it concerns."""
    found: dict[str, Problem] = {}
    for machine in rack.machines.values() if rack.install else ():
        if "gateway" in machine.roles:
            continue
        try:
            path = ("systems", name_of(rack, machine), "preseed")
            both = merge(demanded(rack, machine), system_of(rack, machine).preseed, proposed(rack, machine))
        except LookupError:
            continue  # no gateway, no address, no such system: that is a problem of its own
        for one in both.contradictions:
            if len(one.path) == 1:
                continue  # no questions at all, which is told as such (loading/checks/install.py)
            for problem in against(rack, INSTALL, path, [one]).problems:
                found.setdefault(problem.key, problem)
    yield from found.values()
