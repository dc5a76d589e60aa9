"""What machines are served ready made, as Coop's own programs make it on rooster: the environment in RAM, and an image of Debian.
They run in a Debian 13 as rooster has it."""
from __future__ import annotations

from fabfile.roles import environment, image
from lab.forge import debian
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.root import machine_root

RUN = r"""
mount -t overlay layer -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t sysfs sysfs "$ROOT/sys"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
touch "$ROOT/etc/resolv.conf"
mount --bind -o ro /etc/resolv.conf "$ROOT/etc/resolv.conf"
mkdir -p "$ROOT/made"
mount --bind "$MADE" "$ROOT/made"
chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root ${PROXY:+http_proxy="$PROXY"} sh -c "$TEXT"
"""
USER = "ops"  # whose account the image has


def _make(job: Job, needs: dict[str, None], text: str) -> None:
    """What the text leaves in /made."""
    debian.layer(job, job[machine_root] / "root", needs)
    places = {name: job.out / name.lower() for name in ("WORK", "MADE")} | {"UPPER": job.out / "root", "ROOT": job.out / "merged"}
    for folder in places.values():
        folder.mkdir(exist_ok=True)
    job.run("unshare", "--mount", "--propagation=private", "sh", "-euc", RUN,
            env={**{name: str(folder) for name, folder in places.items()}, "LOWER": str(job[machine_root] / "root"),
                 "TEXT": text, "PROXY": debian.proxy(job)})
    job.run("rm", "-rf", places["UPPER"], places["WORK"], places["ROOT"])


def _environment(job: Job) -> None:
    _make(job, environment.NEEDS, environment.made("/made/environment", "/made/none-*", _sources()))


def _image(job: Job) -> None:
    _make(job, image.NEEDS, image.made("/made/image", _sources(), USER))


def _sources() -> str:
    return f"deb {debian.mirror()} {debian.SUITE} main"


ram = Part("ram", _environment, inputs=(machine_root,), turn="apt", settings=environment.made("", "", ""))
system_image = Part("system-image", _image, inputs=(machine_root,), turn="apt", settings=image.made("", "", USER))
