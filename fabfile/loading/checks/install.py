"""What configs/install.yaml and the machines' `install`, `disks` and `hardware` say of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.files import HOSTS, INSTALL
from fabfile.rack.spelling import did_you_mean
from fabfile.upstream.questions import INSTALLER, wrong

SECURITY = "/debian-security"
HOSTNAME, RAID = "netcfg/hostname", "partman-auto-raid/recipe"


def systems_are_there(draft: Draft) -> Iterator[Wrong]:
    systems = draft.install.systems if draft.install else None
    if draft.install and systems is not None and draft.install.default and draft.install.default not in systems:
        yield Wrong(INSTALL, ("default",), f"there is no system {draft.install.default}", did_you_mean(draft.install.default, systems))
    for machine in draft.machines.values():
        at = ("machines", machine.name, "install")
        if machine.install and draft.install is None:
            yield Wrong(HOSTS, at, "the rack has no configs/install.yaml", "which says what a system is: docs/install.md")
        elif machine.install and systems is not None and machine.install not in systems:
            yield Wrong(HOSTS, at, f"there is no system {machine.install} in {INSTALL}", did_you_mean(machine.install, systems))


def questions_are_debians(draft: Draft) -> Iterator[Wrong]:
    for name, system in ((draft.install and draft.install.systems) or {}).items():
        for owner, answers in system.preseed.items():
            at = ("systems", name, "preseed", owner)
            if not isinstance(answers, Mapping):
                yield Wrong(INSTALL, at, "questions and their answers are wanted here", "such as d-i: {time/zone: Etc/UTC}")
                continue
            if not owner or any(letter.isspace() for letter in owner):
                yield Wrong(INSTALL, at, "this is no owner of questions", "d-i, or the name of a package")
            for question, answer in answers.items():
                if said := wrong(owner, question, answer):
                    yield Wrong(INSTALL, (*at, question), *said)


def the_port_is_free(draft: Draft) -> Iterator[Wrong]:
    """nginx that hands names on listens at every address of the gateway."""
    port = draft.install.port if draft.install else None
    for name, row in (draft.network.publish or {}).items():
        if port in row.ports:
            yield Wrong(INSTALL, ("port",), f"{name} is published on port {port}, at every address of the gateway",
                        "take another port for booting")


def a_mirror_has_a_path_of_its_own(draft: Draft) -> Iterator[Wrong]:
    """rooster asks mirrors by the path that its machines ask for."""
    seen: dict[str, str] = {}
    for name, system in ((draft.install and draft.install.systems) or {}).items():
        for key in ("mirror", "security"):
            url = getattr(system, key).rstrip("/")
            path = urlsplit(url).path
            if not path:
                yield Wrong(INSTALL, ("systems", name, key), f"{url} has no path", "such as http://ftp.us.debian.org/debian")
            elif key == "security" and path != SECURITY:
                yield Wrong(INSTALL, ("systems", name, key), f"the path is {path}, and Debian's installer asks for {SECURITY}",
                            f"a mirror with http://host{SECURITY}")
            elif seen.setdefault(path, url) != url:
                yield Wrong(INSTALL, ("systems", name, key), f"{seen[path]} has the path {path}, too", "one mirror for one path")


def a_mirror_s_disks_are_the_guard_s_answer(draft: Draft) -> Iterator[Wrong]:
    for name, system in ((draft.install and draft.install.systems) or {}).items():
        answers = system.preseed.get(INSTALLER)
        if "mirror" in system.layout and isinstance(answers, Mapping) and RAID in answers:
            yield Wrong(INSTALL, ("systems", name, "preseed", INSTALLER, RAID),
                        f"the guard answers this for the layout {system.layout}, with the disks that it has seen", "leave this key out")


def no_name_is_given_to_all(draft: Draft) -> Iterator[Wrong]:
    """The installer takes it whatever it has been told of the one machine."""
    for name, system in ((draft.install and draft.install.systems) or {}).items():
        answers = system.preseed.get(INSTALLER)
        if isinstance(answers, Mapping) and HOSTNAME in answers:
            yield Wrong(INSTALL, ("systems", name, "preseed", INSTALLER, HOSTNAME), "every machine would have this name",
                        "leave this key out: a machine is called as in hosts.yaml")


ALL = (systems_are_there, questions_are_debians, no_name_is_given_to_all, a_mirror_s_disks_are_the_guard_s_answer, the_port_is_free,
       a_mirror_has_a_path_of_its_own)
