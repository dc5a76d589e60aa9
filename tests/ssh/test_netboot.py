"""What machines are booted with, seen from the wire: the role's own dnsmasq and nginx, and a firmware that is played."""

import pytest
from boots import DNSMASQ, NGINX, Boots

ORDER, LATER = "0123456789ab", "ba9876543210"
KINDS = {"bios": "lpxelinux.0", "efi": "bootnetx64.efi", "http": "http://10.0.0.1:8080/bootnetx64.efi"}


@pytest.fixture
def boots(operate) -> Boots:
    return Boots(operate(chicks=2))


def boots_its_disk(found: dict) -> bool:
    return found["local"] and found["loader"] and found["beside"] and not (found["kernel"] or found["preseed"])


def test_every_machine_and_firmware_before_and_after_the_claim(boots):
    for machine in ("chick0", "chick1"):
        for kind, file in KINDS.items():
            found = boots.boot(machine, kind)
            assert (found["lease"], found["name"], found["file"]) == (boots.swarm.address(machine), machine, file)
            assert boots_its_disk(found), found
    boots.arm("chick0", ORDER)
    for kind in KINDS:
        found = boots.boot("chick0", kind)
        assert not found["local"] and found["loader"] and found["beside"], found
        assert found["kernel"].startswith("6.12.1") and found["initrd"] == "initrd.gz\n"
        assert "d-i netcfg/get_hostname string chick0" in found["preseed"]
        assert f"interface={boots.swarm.mac('chick0')}" in found["settings"]
        assert boots_its_disk(boots.boot("chick1", kind)), "its neighbour is not armed"
        assert found["class"] == ("HTTPClient" if kind == "http" else found["class"])
    assert boots.claim("chick0", ORDER) in (201, 204)
    for kind in KINDS:
        assert boots_its_disk(boots.boot("chick0", kind)), "the claim disarms"
    assert boots.claim("chick0", ORDER) == 404, "an order is claimed once"
    assert boots.claim("chick0", LATER) == 404


def test_who_was_started_by_a_former_order_does_not_claim_the_one_that_is_armed(boots):
    from fabfile.roles.arming import withdraw

    boots.arm("chick0", ORDER)
    boots.rooster.run(withdraw(boots.operator.rack.machine("chick0")))
    boots.arm("chick0", LATER)
    assert boots.claim("chick0", ORDER) == 404
    assert not boots.boot("chick0", "bios")["local"], "it is still armed"
    assert boots.claim("chick0", LATER) in (201, 204)


def test_who_is_not_in_the_file_gets_nothing(boots):
    boots.arm("chick0", ORDER)
    assert boots.boot("chick1", "bios", mac="52:54:00:00:00:99") == {"lease": None}
    boots.swarm.hosts["chick1"].run("ip addr del 10.0.0.101/24 dev enp1s0; ip addr add 10.0.0.77/24 dev enp1s0")
    for path in ("/preseed.cfg", "/pxelinux.0", "/debian/pool/one.deb"):
        assert boots.ask("chick1", path) == 403


def test_no_machine_reads_or_claims_what_is_another_s(boots):
    boots.arm("chick0", ORDER)
    boots.rooster.run("mkdir -p /srv/coop/boot/images/debian-13; echo image >/srv/coop/boot/images/debian-13/image")
    assert boots.ask("chick1", "/images/debian-13/image") == 200
    assert boots.ask("chick1", "/images/debian-13/image", "PUT", "x") in (403, 405)
    link = boots.swarm.mac("chick0").replace(":", "-")
    assert boots.ask("chick0", "/preseed.cfg") == boots.ask("chick0", "/guard") == 200
    for path in ("/preseed.cfg", "/guard", "/at/10.0.0.100/armed/http/preseed.cfg", f"/{link}/pxelinux.cfg/default",
                 "/armed/order", "/armed/"):
        assert boots.ask("chick1", path) in (403, 404), path
    assert boots.claim("chick1", ORDER) == 404
    assert boots.ask("chick0", "/armed/", "MOVE", destination="http://10.0.0.1:8080/said/", overwrite="F") == 403
    assert boots.ask("chick0", "/armed/", "MOVE", destination=f"http://10.0.0.1:8080/claimed-{ORDER}/") == 403
    for method in ("DELETE", "PUT", "COPY", "MKCOL"):
        assert boots.ask("chick0", "/armed/", method) in (403, 405), method
        assert boots.ask("chick0", "/preseed.cfg", method) in (403, 405), method
    assert boots.claim("chick0", ORDER) in (201, 204), "it is still there to be claimed"


def test_words_are_kept_once_and_of_an_order_that_there_is(boots):
    boots.arm("chick0", ORDER)
    word = f"/said/{ORDER}/boot.machine"
    assert boots.ask("chick0", word, "PUT", "serial 1") == 201
    assert boots.ask("chick0", word, "PUT", "serial 2") == 409
    assert boots.rooster.run(f"cat /srv/coop/boot/at/10.0.0.100{word}") == "serial 1"
    assert boots.ask("chick0", f"/said/{LATER}/boot.machine", "PUT", "x") == 404
    assert boots.ask("chick1", f"/said/{ORDER}/finished", "PUT", "x") == 404
    assert boots.ask("chick0", word) == 403, "nobody reads them by HTTP"


def test_an_order_that_nobody_claims_in_time_is_disarmed(boots):
    boots.arm("chick0", ORDER, seconds=600)
    boots.arm("chick1", LATER, seconds=0)
    boots.rooster.run("sh /usr/local/lib/coop/disarm")
    assert not boots.boot("chick0", "bios")["local"]
    assert boots_its_disk(boots.boot("chick1", "bios")) and boots.claim("chick1", LATER) == 404
    boots.rooster.run("sed -i '/^expires/d' /srv/coop/boot/at/10.0.0.100/armed/order; sh /usr/local/lib/coop/disarm")
    assert boots_its_disk(boots.boot("chick0", "efi")), "who does not say until when has expired"


def test_packages_come_through_rooster_and_once(boots):
    for machine in ("chick0", "chick1", "chick1"):
        assert boots.swarm.hosts[machine].run("curl -s --noproxy '*' http://10.0.0.1:8080/debian/pool/one.deb") == "package\n"
        assert boots.ask(machine, "/debian/dists/trixie/main/debian-installer/binary-amd64/Packages.gz") == 200
    asked = boots.rooster.run("cat /var/log/nginx/mirror.log")
    assert asked.count("/pool/one.deb") == 1 and asked.count("/Packages.gz") >= 1
    assert boots.ask("chick0", "/debian/none") == 404
    assert boots.ask("chick0", "/debian/pool/one.deb", "PUT", "x") == boots.ask("chick0", "/debian/dists/x", "PUT", "x") == 403


def test_without_the_mirror_machines_get_what_others_have_had(boots):
    get = "curl -sf --noproxy '*' http://10.0.0.1:8080/debian/"
    chick, mirror = boots.swarm.hosts["chick1"], "/srv/mirror/debian"
    boots.rooster.run(f"mkdir -p {mirror}/dists; echo old >{mirror}/dists/InRelease; touch -d @1 {mirror}/dists/InRelease")
    assert chick.run(f"{get}dists/InRelease; {get}pool/one.deb") == "old\npackage\n"
    boots.rooster.run(f"echo new >{mirror}/dists/InRelease")
    boots.until(lambda: chick.run(f"{get}dists/InRelease") == "new\n", 10)
    boots.rooster.run("kill $(cat /run/mirror.pid)")
    chick.run("sleep 1.2")
    assert chick.run(f"{get}dists/InRelease; {get}pool/one.deb") == "new\npackage\n", "nobody listens at the mirror's port"
    assert boots.ask("chick1", "/debian/pool/two.deb") == 502


def test_without_the_mirrors_name_machines_get_what_others_have_had(boots):
    lists = "/debian/dists/trixie/main/debian-installer/binary-amd64/Packages.gz"
    boots.rooster.run(f"""
kill $(cat /run/dnsmasq.pid); sleep 0.5; echo address=/mirror.test/127.0.0.1 >>{DNSMASQ}
dnsmasq --conf-file={DNSMASQ} --pid-file=/run/dnsmasq.pid >/run/said 2>&1 </dev/null
sed -i 's|http://127.0.0.1:|http://mirror.test:|' {NGINX}; kill -HUP $(cat /run/coop-boot.pid)""")
    kept = "grep -rl mirror.test /var/cache/coop-boot"  # before, its former settings answered
    boots.until(lambda: boots.ask("chick1", lists) == 200 and boots.rooster.run(kept, check=False))
    boots.rooster.run("kill $(cat /run/dnsmasq.pid); kill -HUP $(cat /run/coop-boot.pid); sleep 1.2")  # it forgets names, too
    assert boots.ask("chick1", lists) == 200
    assert boots.ask("chick1", "/debian/pool/one.deb") == 502
