"""What rooster boots machines with: Debian's installer, or the environment in RAM, by TFTP and HTTP, to nobody but who is armed.

    /srv/coop/boot/tftp/               the loaders, and settings that boot the machine's disk
    /srv/coop/boot/tftp/MAC            a link to at/ADDRESS/armed/tftp: there only while the machine is armed
    /srv/coop/boot/at/ADDRESS/armed/   what one machine is armed with: order, tftp/, http/
    /srv/coop/boot/at/ADDRESS/claimed-ORDER/   the same, once its installer has claimed it: one rename
    /srv/coop/boot/at/ADDRESS/said/ORDER/      what that installer reported
"""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.rack import Machine, Rack
from fabfile.rack.machines import Interface
from fabfile.resources import Check, Directory, File, Packages, Resource, Symlink, Unit
from fabfile.resources.installation import BOOT, LOGS, disarm, guard, job, late
from fabfile.resources.order import Order
from fabfile.roles import environment
from fabfile.roles.rendering import render
from fabfile.upstream.preseed import preseed, served_at

IMAGES = "/usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64"
LOADERS = {"lpxelinux.0": "/usr/lib/PXELINUX/lpxelinux.0",  # a BIOS loads it by TFTP, and it loads the rest by HTTP
           "ldlinux.c32": "/usr/lib/syslinux/modules/bios/ldlinux.c32",
           "bootnetx64.efi": f"{IMAGES}/bootnetx64.efi", "grubx64.efi": f"{IMAGES}/grubx64.efi"}
KERNEL = {"linux": "linux", "initrd": "initrd.gz"}  # of Debian's installer, by what a machine asks for
PXELINUX, GRUB = "pxelinux.cfg/default", "debian-installer/amd64/grub/grub.cfg"
NGINX, UNITS = "/etc/coop/boot-nginx.conf", "/etc/systemd/system"
DISARM = "/usr/local/lib/coop/disarm"


def netboot(rack: Rack) -> Iterator[Resource]:
    """Where the rack has no install.yaml, none of it runs. dnsmasq's part is in its own file."""
    if rack.install is None:
        for unit in ("coop-boot", "coop-disarm.timer"):
            yield Unit(unit, running=False, enabled=False)
        return
    yield Packages({"busybox": None, "debian-installer-13-netboot-amd64": None, "nginx": None, "pxelinux": None, "syslinux-common": None})
    for place in (f"{BOOT}/at", f"{BOOT}/tftp", "/var/cache/coop-boot", LOGS):
        yield Directory(place)
    yield Directory(f"{BOOT}/body", owner="proxy", mode=0o700)
    for name, loader in LOADERS.items():
        yield Symlink(f"{BOOT}/tftp/{name}", loader)
    yield File(f"{BOOT}/tftp/{PXELINUX}", render("rooster/srv/coop/boot/local/pxelinux.cfg"))
    yield File(f"{BOOT}/tftp/{GRUB}", render("rooster/srv/coop/boot/local/grub.cfg"))
    yield File("/etc/logrotate.d/coop-boot", render("rooster/etc/logrotate.d/coop-boot"))
    yield File(f"{UNITS}/coop-boot.service", render("rooster/etc/systemd/system/coop-boot.service"))
    yield File(NGINX, boot_nginx(rack), check="nginx -t -q -c {}")
    yield Unit("coop-boot", watches=(NGINX, f"{UNITS}/coop-boot.service"), reload=True)
    yield File(DISARM, disarm())
    for kind in ("service", "timer"):
        yield File(f"{UNITS}/coop-disarm.{kind}", render(f"rooster/etc/systemd/system/coop-disarm.{kind}"))
    yield Unit("coop-disarm.timer", watches=(f"{UNITS}/coop-disarm.timer",))


def boot_nginx(rack: Rack) -> str:
    """The settings of the nginx that serves boots."""
    from urllib.parse import urlsplit

    assert rack.install is not None
    asked = {url.rstrip("/") for system in rack.install.systems.values() for url in (system.mirror, system.security)}
    mirrors = {urlsplit(url).path: f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in sorted(asked)}
    return render("rooster/etc/coop/boot-nginx.conf", boot=BOOT, inner=rack.gateway.inner, port=rack.install.port,
                  machines=rack.by_address, mirrors=list(mirrors.items()))


def netboot_answers(rack: Rack) -> Iterator[Check]:
    """Whoever is not armed is given what boots its disk, by TFTP and by HTTP; rooster asks as itself."""
    if rack.install is None:
        return
    rooster = rack.gateway
    yield Check(f"{rooster.name} serves boots", rooster.name, f"""
for from in tftp://{rooster.address()} http://{served_at(rack)}; do
    curl -fsS --noproxy '*' --max-time 5 "$from/{PXELINUX}" 2>&1 | grep -q localboot || {{ echo "$from does not answer"; exit 1; }}
done
""")


def link(machine: Machine) -> str:
    """Where TFTP finds the files of a machine that is armed."""
    return f"{BOOT}/tftp/{machine.inner.mac.replace(':', '-')}"


def armed_files(rack: Rack, machine: Machine, order: Order) -> tuple[dict[str, str], dict[str, str]]:
    """What a machine is armed with, by path within `armed`: texts, and links to Debian's files."""
    values = {"machine": machine, "order": order, "arguments": kernel_arguments(rack, machine, order), "served": served_at(rack)}
    texts = {
        f"tftp/{PXELINUX}": render("rooster/srv/coop/boot/armed/pxelinux.cfg", **values),
        f"tftp/{GRUB}": render("rooster/srv/coop/boot/armed/grub.cfg", **values),
    }
    if order.in_ram:
        texts["http/job"] = job(rack, machine, order)
        kernel = {f"tftp/{name}": f"{environment.place()}/{name}" for name in KERNEL}
    else:
        texts |= {"http/preseed.cfg": preseed(rack, machine), "http/guard": guard(rack, machine, order),
                  "http/late": late(rack, machine, order)}
        kernel = {f"tftp/{name}": f"{IMAGES}/{image}" for name, image in KERNEL.items()}
    return texts, {f"tftp/{name}": loader for name, loader in LOADERS.items()} | kernel


def kernel_arguments(rack: Rack, machine: Machine, order: Order) -> str:
    """The command line: the right port by its MAC, no question that could wait for somebody."""
    assert rack.install is not None
    inner: Interface = machine.inner
    console = f"console={rack.install.console}" if rack.install.console else ""
    if order.in_ram:
        known = [f"coop.rooster={served_at(rack)}", f"coop.mac={inner.mac}", f"coop.machine={machine.name}"]
        return " ".join(["quiet", "panic=60", *known, *(["console=tty0", console] if console else [])])
    first = ["auto=true", "priority=critical", f"interface={inner.mac}", f"hostname={machine.name}",
             f"domain={rack.network.domain}", f"url=http://{served_at(rack)}/preseed.cfg"]
    return " ".join([*first, *(["DEBIAN_FRONTEND=text", "TERM=dumb", console] if console else []), "---", *([console] if console else [])])
