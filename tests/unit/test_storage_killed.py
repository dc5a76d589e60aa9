"""Whoever is killed at whichever program of a file server's pool, its file systems and exports: the next run ends the same.

zpool, zfs and exportfs are small programs here, which do a thing wholly or not at all and keep what was done in files. What is tried is
the order of Coop's own commands, and that each can be done again after a part of it. That a real `zpool create` may be cut in its
middle, with the machine's power, is not.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from fabfile.loading import load
from fabfile.programs import shell
from fabfile.resources import Exports, ZfsDataset, ZfsPool
from fabfile.resources.pool_plan import WantedVdev
from fabfile.roles.pools import datasets, pools
from tests.unit.sandbox import a_sandbox

VDEVS = (WantedVdev("", "mirror", {bay: f"/dev/disk/by-id/wwn-{bay}" for bay in ("front-0", "front-1")}),)  # few, to be quick
RACK = Path(__file__).parents[1] / "cases/storage/rack"
LAST = 'for last; do :; done; place=${last#/}; case $place in */*) place=${place%%/*}_${place#*/} ;; esac; place=/case/zfs/$place'
CHANGING = {  # programs that change something
    "zpool": """case $1 in
  create) [ "$2" != -n ] || exit 0
    mkdir -p /case/pool /case/zfs/nest; shift
    while [ $# -gt 0 ]; do case $1 in
      -o) echo "${2#*=}" >"/case/pool/${2%%=*}"; shift ;;
      -O) echo "${2#*=}" >"/case/zfs/nest/${2%%=*}"; shift ;;
      *) echo "$1" >>/case/words ;;
    esac; shift; done ;;
  import) if [ "$last" = nest ]; then mv /case/away /case/pool
    elif [ -d /case/away ]; then printf '   pool: nest\\n     id: 7\\n  state: ONLINE\\n'; fi ;;
  status) if [ "$2" = -P ]; then cat /case/replaced; exit 0; fi
    [ -d /case/pool ] && echo '{"pools": {"nest": {"name": "nest", "state": "ONLINE", "vdevs": {"nest": {"vdevs": {}}}}}}' ;;
  get) [ "$3" != -o ] || [ "$4" != value ] || { cat "/case/pool/$5"; exit 0; }
    for one in /case/pool/*; do printf '%s\\t%s\\n' "${one##*/}" "$(cat "$one")"; done ;;
  set) echo "${2#*=}" >"/case/pool/${2%%=*}" ;;
  list) [ "$last" != nest ] || [ -d /case/pool ] ;;
  replace) echo "$* " >>/case/replaced ;;
esac""",
    "zfs": """case $1 in
  create) mkdir -p "$place" "/$last"; echo yes >"$place/mounted"
    for one; do case $one in *=*) echo "${one#*=}" >"$place/${one%%=*}" ;; esac; done ;;
  set) echo "${2#*=}" >"$place/${2%%=*}" ;;
  mount) echo yes >"$place/mounted" ;;
  list) [ -d "$place" ] ;;
  get) case $* in
      *" sharenfs "*) for one in /case/zfs/*/sharenfs; do
          [ ! -e "$one" ] || printf '%s\\t%s\\n' "$(basename "${one%/*}" | tr _ /)" "$(cat "$one")"
        done ;;
      *) [ -d "$place" ] || exit 1
        for one in $(echo "$5" | tr , ' '); do printf '%s\\t%s\\n' "$one" "$(cat "$place/$one" 2>/dev/null || echo -)"; done ;;
    esac ;;
esac""",
    "exportfs": """case $1 in
  -ra) cp /etc/exports.d/coop.exports /case/told ;;
  -s) awk '/^\\// { for (n = 2; n <= NF; n++) print $1 "  " $n }' /case/told ;;
esac""",
    "chown": '/usr/bin/chown "$@"',
    "mv": '/usr/bin/mv "$@"',
}
LOOKING = {
    "mountpoint": '[ -e "$place/mounted" ]',
    "lsblk": "case \"$*\" in *TYPE*) echo 'disk sdb' ;; *) echo ;; esac",
    "blkid": "exit 2",
    "wipefs": ":",
    "zdb": "exit 2",
    "blockdev": "case $1 in --getss) echo 512 ;; *) echo 4000787030016 ;; esac",
    "udevadm": ":",
}
# what a changing program does at its end: it may be the last one
POINT = """case "$1 $2 $3" in "status "*|"list "*|"get "*|"-s "*|*" -n "*|"import "*/by-id) exit $code ;; esac
[ -e /case/armed ] || exit $code
echo "${0##*/} $*" >>/case/points
[ "$(wc -l </case/points)" != "$(cat /case/armed)" ] || kill -KILL "-$(cat /case/group)"
exit $code
"""
FOUND = ("cd /case; grep -r . pool zfs words told replaced 2>/dev/null | sort; /usr/bin/cat /etc/exports.d/coop.exports; "
         "stat -c '%n %u:%g %a' /nest/homes /etc/exports.d/coop.exports; ls -A /etc/exports.d")
STARTS = {
    "new disks": "",
    "a pool that is there": "mkdir -p /case/away /case/zfs/nest /case/zfs/nest_homes /nest/homes; echo on >/case/away/autoreplace; "
                            "cd /case/zfs/nest_homes; echo yes >mounted; echo rw >sharenfs; echo lz4 >compression",
}


class Killed(Exception):
    """The program that was to be killed was."""


class Hen:
    """The file server: what it should have is made so, and one of its programs is the last one that Coop runs."""

    def __init__(self, machine) -> None:
        self.machine = machine
        rack = load(RACK)
        hen = rack.machine("hen")
        self.resources = [replace(one, vdevs=VDEVS) if isinstance(one, ZfsPool) else one for role in (pools, datasets)
                          for one in role(rack, hen) if isinstance(one, (ZfsPool, ZfsDataset, Exports))]
        for name, text in CHANGING.items():
            machine.write(f"/case/bin/{name}", f"#!/bin/sh\n{LAST}\n( {text}\n)\ncode=$?\n{POINT}")
        for name, text in LOOKING.items():
            machine.write(f"/case/bin/{name}", f"#!/bin/sh\n{LAST}\n{text}\n")
        machine.run("chmod +x /case/bin/*")

    def begin(self, start: str) -> None:
        code, said = self.machine.run("rm -rf /case/pool /case/zfs /case/words /case/told /case/away /case/replaced /nest /etc/exports.d "
                                      f"/etc/exports; mkdir -p /case/zfs; : >/case/told; : >/case/replaced; {start}")
        assert code == 0, said

    def command(self, script: str) -> None:
        """As the engine runs it; raises Killed."""
        self.machine.write("/case/script", f"echo $$ >/case/group\nset -e\n{script}")
        code, said = self.machine.run("PATH=/case/bin:$PATH; export PATH; setsid --wait dash /case/script")
        if code == 137:
            raise Killed
        assert code == 0, said

    def run(self, at: int = 0) -> int:
        """A run: how many points there were at which it could be killed; at this one it is."""
        self.machine.run(f"rm -f /case/points; : >/case/points; echo {at} >/case/at")
        for resource in self.resources:
            for change in self.plan(resource):
                for command in change.commands:
                    self.machine.run("mv /case/at /case/armed")
                    self.command(command.script)
                    self.machine.run("mv /case/armed /case/at")
        return len(self.machine.read("/case/points").splitlines())

    def plan(self, resource) -> list:
        code, facts = self.machine.run(f"PATH=/case/bin:$PATH; set -e\n{resource.probe()}")
        assert code == 0, (resource.name, facts)
        return list(resource.changes(facts, frozenset()))

    def found(self) -> str:
        return self.machine.run(FOUND)[1]


@pytest.fixture(scope="module")
def hen():
    with a_sandbox() as sandbox:
        yield Hen(sandbox)


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_killed_at_each_program_the_next_run_ends_the_same(start, hen):
    hen.begin(start)
    points = hen.run()
    wanted = hen.found()
    assert not [change.what for resource in hen.resources for change in hen.plan(resource)]
    assert points >= 6 and "sync,no_subtree_check,all_squash" in wanted and "/nest/homes 1000:100" in wanted, wanted
    print(f"killed at {points} points")
    for at in range(1, points + 1):
        hen.begin(start)
        with pytest.raises(Killed):
            hen.run(at)
        hen.machine.run("rm -f /case/armed")
        hen.run()
        assert hen.found() == wanted, at
        assert not [change.what for resource in hen.resources for change in hen.plan(resource)], at


def test_a_replacement_that_was_killed_is_begun_once(hen):
    script = shell("pool_disks", "pool_replace", pool="nest", disks="/case/new", old="7", new="/case/new")
    hen.begin("mkdir /case/pool")
    hen.machine.run("rm -f /case/points; : >/case/points; echo 0 >/case/armed")
    hen.command(script)
    points = len(hen.machine.read("/case/points").splitlines())
    assert points >= 1
    for at in range(1, points + 1):
        hen.begin("mkdir /case/pool")
        hen.machine.run(f"rm -f /case/points; : >/case/points; echo {at} >/case/armed")
        with pytest.raises(Killed):
            hen.command(script)
        hen.machine.run("rm -f /case/armed")
        hen.command(script)
        assert hen.machine.read("/case/replaced") == "replace nest 7 /case/new \n", at
