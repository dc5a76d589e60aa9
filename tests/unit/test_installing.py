"""When a machine may be armed, and what its order's state leads to."""

import shutil
from dataclasses import replace

import pytest

from fabfile.bmc.board import Board, State
from fabfile.bmc.ipmi import ByIpmi
from fabfile.engine.errors import HostKeyUnknown
from fabfile.engine.link import Link
from fabfile.facts.installing import SILENT, Seen, lacking, member, other_control_planes, refusals, stage
from fabfile.facts.netboot import Boots, Ordered, Word
from fabfile.loading import load
from fabfile.resources.order import KindName, Order
from fabfile.screen.installing import plan_text, progress_text, quiet_text
from fabfile.secret import Secret
from fabfile.tasks import ordering
from fabfile.tasks.ordering import again_words, carried_out, failed_words
from fabfile.tasks.starting import Starter
from tests.pages import PROJECT

GOOD = Seen(True, "", (), "", False, "")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/4TIm9v9N1LWGGkGw2N1u1HSsbFFOCJGA6bKDOKxo5"


@pytest.fixture
def machine_with(tmp_path):
    """machine_with(lines): the rack whose chick1 has these lines more, and chick1."""
    def make(lines: str = "", layout: str = "plain"):
        shutil.copytree(PROJECT / "configs", tmp_path / "configs", dirs_exist_ok=True)
        at = "    bmc: 192.168.0.101\n"
        (tmp_path / "hosts.yaml").write_text((PROJECT / "hosts.yaml").read_text().replace(at, at + lines))
        file = tmp_path / "configs/install.yaml"
        file.write_text(file.read_text().replace("layout: plain ", f"layout: {layout} "))
        rack = load(tmp_path)
        return rack, rack.machine("chick1")
    return make


def test_what_the_files_lack_is_told_by_line(machine_with):
    said = [str(one) for one in lacking(*machine_with("    disks: {system: /dev/disk/by-id/ata-1}\n", "mirror"))]
    assert [one.partition(":")[0] for one in said] == ["hosts.yaml"] * 3
    assert "no disk is named `mirror`, and the layout mirror writes it" in said[0]
    assert "size and serial number of /dev/disk/by-id/ata-1 are not on file" in said[1] and "neither `uuid` nor `serial`" in said[2]
    full = "    disks: {system: /dev/disk/by-id/ata-1}\n" \
        "    hardware: {serial: X1, disks: {/dev/disk/by-id/ata-1: {size: 512, serial: S}}}\n"
    assert list(lacking(*machine_with(full))) == []
    rack, machine = machine_with(full)
    assert "there is no such file" in str(next(lacking(replace(rack, install=None), machine)))


def test_a_machine_without_a_host_key_may_have_no_system_yet(machine_with):
    """Whoever bootstraps before all machines are installed is told how to install them; rooster is never installed so."""
    rack, chick = machine_with()

    def hint(rack, machine):
        with pytest.raises(HostKeyUnknown) as told:
            Link(rack, machine).open()
        return told.value.hint

    shows = "inv rack.trust {} shows it, to be compared by hand"
    assert hint(rack, chick) == "inv node.install chick1 installs it, if it has no system yet; else " + shows.format("chick1")
    assert hint(rack, rack.gateway) == shows.format("rooster")
    assert hint(replace(rack, install=None), chick) == shows.format("chick1")


@pytest.mark.parametrize("seen, pinned, reinstall, why", [
    (GOOD, "", False, ""),
    (GOOD, KEY, True, ""),
    (GOOD, KEY, False, "has a host key, so it was installed before"),
    (replace(GOOD, key=KEY), "", False, "is alive: it answers by ssh, with a key that hosts.yaml does not have"),
    (replace(GOOD, key=KEY), KEY, False, "is alive: it answers by ssh, with its own key"),
    (replace(GOOD, key=KEY), KEY, True, ""),
    (replace(GOOD, known=False), "", True, "rooster does not know chick1"),
    (replace(GOOD, misfit="no kernel"), "", True, "no kernel"),
    (replace(GOOD, foreign=("10.0.0.7 (52:54:00:00:00:07)",)), "", True, "another DHCP server is on rooster's inner port: 10.0.0.7 (52:54"),
    (replace(GOOD, foreign=None), "", True, "could not be asked"),
    (replace(GOOD, member=True), KEY, True, "chick1 is a node of the cluster: inv node.remove chick1 first"),
    (replace(GOOD, unasked="no route"), "", True, "in it: no route. Power a control plane on, or write `expect: off` in hosts.yaml"),
])
def test_what_speaks_against_it_is_told(machine_with, seen, pinned, reinstall, why):
    rack, machine = machine_with(f"    host_key: {pinned}\n" if pinned else "")
    found = refusals(rack, machine, seen, "install", reinstall=reinstall)
    assert (why in " ".join(found)) if why else found == []
    alive = ["chick1 is alive: it answers by ssh. Switch it off first: inv node.power chick1 off"] if seen.key else []
    on_the_wire = [one for one in found if "rooster" in one or "DHCP" in one]
    assert refusals(rack, machine, seen, "look") == refusals(rack, machine, seen, "rescue-write") == on_the_wire + alive
    in_the_cluster = [one for one in found if "node of the cluster" in one or "cannot be asked whether" in one]
    assert refusals(rack, machine, seen, "wipe") == on_the_wire + in_the_cluster + alive, "what is emptied is no node any more"


def test_control_planes_that_are_lost_are_not_asked(machine_with):
    rack, chick = machine_with()
    assert other_control_planes(rack, chick) == []  # without host keys
    planes = [one.model_copy(update={"host_key": KEY}) for one in rack.control_planes]
    known = replace(rack, machines=rack.machines | {one.name: one for one in planes})
    assert other_control_planes(known, chick) == [*known.control_planes]
    lost = replace(known, machines=known.machines | {one.name: one.model_copy(update={"expect": "off"}) for one in planes})
    assert other_control_planes(lost, chick) == [] == other_control_planes(lost, lost.control_planes[0])


@pytest.mark.parametrize("answer, found", [
    ("none\n", (False, "")), ("asked\n", (False, "")), ("node/chick1\nasked\n", (True, "")),
    ("node/chick1\n", (False, "node/chick1")), ("", (False, "nothing was answered")),
    ("error\nThe connection to the server was refused\n", (False, "The connection to the server was refused")),
])
def test_the_clusters_answer_counts_when_it_is_one(answer, found):
    assert member("chick1", answer) == found


def wanted_order(kind: KindName, *disks: str) -> Order:
    return Order("1" * 12, "chick1", disks=disks, kind=kind)


REFUSED, FINISHED = Word("refused", 9900, "no"), Word("finished", 9900, KEY)


@pytest.mark.parametrize("state, since, words, asked, again, wanted", [
    ("armed", 9900, (), {}, False, "watch"),
    ("armed", 9900, (), {}, True, "watch"),  # it was not claimed: there is nothing to do again
    ("armed", 9900, (REFUSED,), {}, False, "order"),
    ("claimed", 9900, (), {}, True, "watch"),  # its installer is at work
    ("claimed", 9900 - SILENT, (), {}, False, "failed"),
    ("claimed", 9900 - SILENT, (), {}, True, "order"),
    ("claimed", 9900 - SILENT, (), {"10.0.0.101": (9950, "GET /debian/pool/x.deb")}, True, "watch"),
    # it was reset, and its firmware boots from the network first: again and again, it is served what boots its disk
    *(("claimed", 9900, (), {"10.0.0.101": (9950, what)}, False, "failed") for what in (
        "TFTP pxelinux.0", "GET /bootnetx64.efi", "GET /pxelinux.cfg/default", "GET /debian-installer/amd64/grub/grub.cfg",
        "GET /revocations.efi (404)")),
    ("claimed", 9900, (), {"10.0.0.101": (9900, "TFTP pxelinux.0")}, False, "watch"),  # what it was started by
    ("claimed", 9900, (), {"10.0.0.101": (9950, "GET /images/debian-13/image")}, False, "watch"),
    ("claimed", 9800, (REFUSED,), {}, False, "failed"),  # the answer to its claim did not come to it
    ("claimed", 9950, (REFUSED,), {}, False, "watch"),  # an earlier start refused
    ("finished", 1, (FINISHED,), {"10.0.0.101": (9950, "TFTP pxelinux.0")}, False, "finished"),
    ("finished", 1, (FINISHED,), {}, False, "finished"),
    ("finished", 1, (FINISHED,), {}, True, "order"),
    ("expired", 1, (), {}, False, "order"),
    ("withdrawn", 1, (), {}, False, "order"),
])
def test_what_lies_on_rooster_says_what_is_next(machine_with, state, since, words, asked, again, wanted):
    _, machine = machine_with()
    boots = Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, state, since, {"disks": "ata-1"}, words),)}, asked)
    assert stage(boots, machine, wanted_order("install", "ata-1"), again) == wanted
    if state == "armed":
        assert stage(boots, machine, wanted_order("look"), again) == "order", "it is armed to write, and is to be looked at"
    edited = "other" if state == "armed" and wanted == "watch" else wanted
    assert stage(boots, machine, wanted_order("install", "ata-2"), again) == edited
    assert stage(Boots(10_000), machine, wanted_order("install", "ata-1"), again) == "order"


@pytest.mark.parametrize("state, kind, words, again, wanted", [
    ("claimed", "install", (), True, "order"),
    ("claimed", "image", (), True, "order"),
    ("claimed", "install", (), False, "watch"),  # nobody has said that its disk may be written again
    ("claimed", "burn-in", (), True, "busy"),
    ("armed", "install", (), True, "watch"),
    ("finished", "install", (FINISHED,), False, "finished"),  # it went off afterwards
])
def test_of_a_machine_that_is_off_an_order_is_begun_again_at_once(machine_with, state, kind, words, again, wanted):
    _, machine = machine_with()
    boots = Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, state, 9900, {"kind": kind, "disks": "ata-1"}, words),)})
    assert stage(boots, machine, wanted_order("install", "ata-1"), again, off=True) == wanted
    if again:
        assert stage(boots, machine, wanted_order("install", "ata-1"), again, off=False) == wanted.replace("order", "watch")


BOARD = Board("chick1", "192.168.0.101", "ADMIN", Secret("secret"), serial="S1")


def starter_of(power: str = "", serials: tuple[str, ...] = ("S1",), why_not: str = "") -> Starter:
    """By a BMC whose machine is so; without `power` there is none that answers."""
    return Starter(ByIpmi(BOARD, State(power, serials=serials)) if power else None, why_not)


@pytest.mark.parametrize("by, proved, told", [
    (starter_of("off"), True, "and its BMC says that it is off: nothing is written by that order any more"),
    (starter_of("on"), False, "Its BMC says that it is on. To shorten that, switch it off (inv node.power chick1 off), and"),
    (starter_of("poweringoff"), False, "Its BMC says that it is poweringoff. To shorten that, switch it off"),
    (starter_of("off", ()), False, "and that this is chick1's BMC cannot be told: it does not say the serial number that hosts.yaml has"),
    (starter_of(), False, "hosts.yaml has no BMC that could say that it is off. To shorten that, switch it off and on, with the"),
    (starter_of(why_not="the BMC of chick1: it does not answer"), False, "it does not answer. To shorten that, switch it off"),
])
def test_only_a_bmc_that_is_its_own_and_says_off_shortens_the_wait(machine_with, monkeypatch, by, proved, told):
    """And who waits is told for how long, and what would shorten it."""
    rack, machine = machine_with()
    looks, done = [], []
    boots = Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, "claimed", 9000, {"disks": "ata-1"}, (Word("progress", 9730, "x"),)),)})
    said = " ".join(again_words(boots, machine, boots.orders["10.0.0.101"][0], by).split())
    assert told in said and by.proves_off is proved
    assert ("heard of 4 minutes ago: it may be writing. --again begins a new order once nothing was heard of it for 20 minutes, that is in "
            "16 minutes" in said) is not proved

    monkeypatch.setattr(ordering, "boots_of", lambda rack, ways: looks.append("rooster") or boots)
    monkeypatch.setattr("fabfile.tasks.starting.starter", lambda rack, box, ways: looks.append("BMC") or by)
    monkeypatch.setattr("fabfile.tasks.leader.find_leader", lambda ways, without=None: (rack, {}))
    for name in ("seen", "refuse", "start_again"):
        monkeypatch.setattr(ordering, name, lambda *_: None)
    monkeypatch.setattr(ordering, "arm", lambda *_: done.append("armed"))
    monkeypatch.setattr(ordering, "watch", lambda *_: done.append("watched"))
    carried_out(rack, machine, wanted_order("install", "ata-1"), again=True)
    assert done == ["armed", "watched"][not proved:]
    assert looks[:3] == ["rooster", "BMC", "rooster"], "it may have finished before it went off"
    done.clear(), looks.clear()
    carried_out(rack, machine, wanted_order("install", "ata-1"))
    assert done == ["watched"] and looks == ["rooster"], "without --again its BMC is not asked"


def test_one_that_finished_before_it_went_off_is_not_begun_again_unnoticed(machine_with, monkeypatch, capsys):
    rack, machine = machine_with(f"    host_key: {KEY}\n")
    at_work, ended = (Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, state, 9900, {"disks": "ata-1"}, words),)})
                      for state, words in (("claimed", ()), ("finished", (FINISHED,))))
    told, armed = [at_work, ended], []
    monkeypatch.setattr(ordering, "boots_of", lambda rack, ways: told.pop(0))
    monkeypatch.setattr("fabfile.tasks.starting.starter", lambda rack, box, ways: starter_of("off"))
    monkeypatch.setattr(ordering, "arm", lambda *_: armed.append(True))
    monkeypatch.setattr(ordering, "watch", lambda *_: None)
    carried_out(rack, machine, wanted_order("install", "ata-1"), again=True)
    assert not armed and "installed by order 000000000000" in capsys.readouterr().out


@pytest.mark.parametrize("pinned, again, reinstall, wanted", [
    (KEY, False, False, "finished"),
    (KEY, False, True, "order"),
    (KEY, True, False, "order"),
    ("", False, True, "finished"),  # it was killed before the key was pinned: typed again, it is continued
    (KEY[:-1] + "6", False, True, "finished"),  # that of the former system
])
def test_an_installation_that_is_closed_is_done_again_when_it_is_said(machine_with, pinned, again, reinstall, wanted):
    _, machine = machine_with(f"    host_key: {pinned}\n" if pinned else "")
    boots = Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, "finished", 1, {"disks": "ata-1"}, (FINISHED,)),)})
    assert stage(boots, machine, wanted_order("install", "ata-1"), again, reinstall) == wanted


def test_what_a_new_order_needs_after_one_that_failed_is_told(machine_with):
    order = Ordered("0" * 12, "claimed", 1, {}, ())
    boots = Boots(10_000, {"10.0.0.101": (order,)})
    _, machine = machine_with()
    assert failed_words(boots, machine, order).endswith("inv node.install chick1 --again")
    assert failed_words(boots, machine_with(f"    host_key: {KEY}\n")[1], order).endswith("inv node.install chick1 --again --reinstall")
    unheard = failed_words(boots, machine, replace(order, words=(REFUSED,)))
    assert "did not hear that it had, and wrote nothing: no. A new order: " in unheard
    boots = replace(boots, asked={"10.0.0.101": (9950, "TFTP pxelinux.0")})
    assert "was restarted while its disk was written" in failed_words(boots, machine, order)
    assert "was restarted before it had finished" in failed_words(boots, machine, replace(order, about={"kind": "burn-in"}))


@pytest.mark.parametrize("state, kind, since, words, wanted", [
    ("armed", "wipe", 9900, (), "watch"),
    ("armed", "wipe ata-2", 9900, (), "other"),  # who agrees to what is shown for ata-1 has not agreed to this
    ("armed", "look", 9900, (), "order"),
    ("claimed", "wipe", 9900, (), "watch"),
    ("claimed", "wipe ata-2", 9900, (), "busy"),
    ("claimed", "burn-in", 9900, (), "busy"),
    ("claimed", "burn-in", 9900 - SILENT, (), "order"),
    ("claimed", "burn-in", 9900 - SILENT, (Word("1.progress", 9900, "it is at work"),), "busy"),
    ("claimed", "wipe", 9900, (Word("failed", 9950, "sda is read-only by itself"),), "order"),
    ("finished", "wipe", 9900, (FINISHED,), "order"),
    ("finished", "install", 9900, (FINISHED,), "order"),
])
def test_an_order_of_another_kind_is_waited_for_while_it_is_heard_of(machine_with, state, kind, since, words, wanted):
    _, machine = machine_with()
    name, _, disks = kind.partition(" ")
    boots = Boots(10_000, {"10.0.0.101": (Ordered("0" * 12, state, since, {"kind": name, "disks": disks or "ata-1"}, words),)})
    assert stage(boots, machine, wanted_order("wipe", "ata-1")) == wanted


def test_a_burn_in_s_result_is_shown_once_to_who_comes_later(machine_with):
    _, machine = machine_with()

    def next_is(*words: Word) -> str:
        orders = {"10.0.0.101": (Ordered("0" * 12, "finished", 1, {"kind": "burn-in"}, words),)}
        return stage(Boots(10_000, orders), machine, wanted_order("burn-in"))
    assert next_is(FINISHED) == "finished" and next_is(FINISHED, Word("shown", 9950, "")) == "order"


def test_the_plan_says_what_the_disk_held_when_it_was_seen_last(machine_with):
    rack, machine = machine_with("    hardware: {serial: X1, disks: {/dev/disk/by-id/ata-1: {size: 512, serial: S}}}\n")
    order = replace(wanted_order("install", "/dev/disk/by-id/ata-1"), machine="chick1")

    def plan(*orders: Ordered) -> str:
        boots = Boots(10_000, {"10.0.0.101": orders})
        return plan_text(rack, machine, order, [], "plain", boots.report("10.0.0.101"))
    seen = [Word("machine", time, f"disk sda size=512 serial=S holds={holds} ids=ata-1 wwn-1\ndisk sdb size=9 serial=T holds=x ids=y")
            for time, holds in ((1764358000, "gpt zfs_member"), (1764354400, "nothing"))]
    looked, refused = Ordered("0" * 12, "finished", 1, {"kind": "look"}, (seen[1],)), Ordered("1" * 12, "expired", 2, {}, (seen[0],))
    assert "it held gpt zfs_member, 2025-11-28 19:26 UTC" in plan(refused, looked)
    assert "it held nothing, 2025-11-28 18:26 UTC" in plan(looked)
    other = replace(looked, words=(replace(seen[0], text="disk sda size=512 serial=S holds=ext4 ids=ata-12"),))
    assert plan().count("not known: inv rack.scan chick1 --netboot") == plan(other).count("not known: inv rack.scan chick1 --netboot") == 1


@pytest.mark.parametrize("state, asked, words, told", [
    ("armed", (9000, "GET /preseed.cfg"), (), "it has asked for nothing yet"),
    ("armed", (9950, "TFTP 52-54-00-fe-00-01/linux"), (), "it loads: TFTP 52-54-00-fe-00-01/linux"),
    ("armed", (9950, "GET /debian/pool/main/p/partman-md/partman-md_114_all.udeb"), (), "it loads its installer's components"),
    ("armed", (9950, "GET /guard"), (), "it looks at itself and its disks"),
    ("claimed", (9950, "GET /debian/pool/main/s/sudo/sudo_1.9.16p2-3_amd64.deb"), (),
     "it has claimed order 000000000000 and writes its disks; it fetches packages"),
])
def test_progress_is_told_once_for_what_is_the_same_work(machine_with, state, asked, words, told):
    _, machine = machine_with()
    order = Ordered("0" * 12, state, 9900, {"kind": "install"}, words)
    boots = Boots(10_000, {"10.0.0.101": (order,)}, {"10.0.0.101": asked})
    assert told in progress_text(boots, machine, order)
    quiet = quiet_text(boots, machine, order, "")
    assert ("Did it boot from the network?" in quiet) == (told == "it has asked for nothing yet"), "else it did"
