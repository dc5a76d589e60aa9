"""rooster as the rack's cache, seen from chicks: the role's own nginx, curl and apt, and an upstream that counts."""

import pytest
from cached import BASE, DEBIAN, DIRECT, Cached, chick_files

from fabfile.roles.cache import APT, NGINX


@pytest.fixture
def cached(operate) -> Cached:
    return Cached(operate(chicks=2, disk="3g"))


def apt(chick, *words: str) -> str:
    """apt-get with the vendor's repository as the role wrote it, and a mirror of Debian; none of this computer's."""
    options = ("Dir::Etc::SourceList=/srv/sources.list", "Dir::Etc::SourceParts=/srv/sources", "Acquire::Languages=none",
               "Dir::State::Lists=/srv/lists", "Dir::Cache=/srv/cache", "APT::Sandbox::User=root", "APT::Update::Error-Mode=any")
    return chick.run(f"mkdir -p /srv/lists/partial /srv/cache/archives/partial /srv/sources; cd /srv\n"
                     "cp /etc/apt/sources.list.d/kubernetes.sources sources\n"
                     f"echo 'deb [signed-by=/etc/apt/keyrings/kubernetes.asc] http://{DEBIAN}/debian trixie main' >sources.list\n"
                     f"{DIRECT} apt-get -q {' '.join(f'-o {one}' for one in options)} {' '.join(words)} 2>&1")


def test_what_many_ask_for_is_asked_for_once(cached):
    for code in (301, 302, 303, 307, 308):
        path = f"{BASE}/{code}/thing.deb"
        sums = cached.at_once(path, each=3 if code != 302 else 6)
        assert len(set(sums)) == 1 and len(sums) in (6, 12)
        assert len([line for line in cached.asked(f"cdn.test/core:/stable:/v1.36/deb/{code}/") if " 200 " in line]) == 1
    status, whole = cached.get(0, f"{BASE}/302/thing.deb")
    assert (status, cached.get(1, f"{BASE}/302/thing.deb", "-r", "2-9")) == (200, (206, whole[2:10]))
    # who begins with HEAD or a part has all of it fetched, for whoever comes next
    assert cached.get(0, f"{BASE}/thing.deb", "-I")[0] == 200
    assert cached.get(0, f"{BASE}/thing.deb", "-r", "0-0") == (206, whole[:1])
    assert cached.asked("pkgs.k8s.io/core:/stable:/v1.36/deb/thing.deb") == ["GET pkgs.k8s.io/core:/stable:/v1.36/deb/thing.deb 200 - -"]


def test_apt_installs_from_it_and_goes_on_when_the_internet_is_away(cached):
    first, second = cached.chicks
    assert "http://10.0.0.1:8081/https/pkgs.k8s.io/" in first.run("cat /etc/apt/sources.list.d/kubernetes.sources")
    apt(first, "update")
    apt(first, "download", "thing")
    assert len([line for line in cached.asked("thing.deb") if " 200 " in line]) == 1
    lists = ("Packages ", "InRelease ", "/by-hash/")
    assert sum(" 200 " in line for part in lists for line in cached.asked(part)) == 4
    second.run("sleep 2")  # what was fetched within the same second is not asked for again
    apt(second, "update")
    assert sum(" 200 " in line for part in lists for line in cached.asked(part)) == 4
    assert sum(" 304 " in line for line in cached.asked("InRelease ")) == 2, "lists are asked for again, and have not changed"
    assert len(cached.asked("Release.key")) == 1
    for away in ("down", "nameless"):
        cached.internet(away)
        assert cached.get(1, f"{BASE}/Release.key")[0] == 200
        second.run("rm -rf /srv/lists /srv/cache /srv/*.deb")
        apt(second, "update")
        apt(second, "download", "thing")
        assert second.run("ls /srv/*.deb") == "/srv/thing_1_all.deb\n"
        assert cached.get(1, f"{BASE}/never.deb")[0] == 502


def test_images_are_fetched_once_by_a_token_that_anybody_is_given_and_served_when_the_registry_is_away(cached):
    tag, private = "v2/docker.io/library/thing/manifests/1?ns=docker.io", "v2/docker.io/my/private/manifests/1?ns=docker.io"
    blob = f"v2/docker.io/library/thing/blobs/sha256:{cached.rooster.run('cat /srv/blob').strip()}?ns=docker.io"
    sums = cached.at_once(blob)
    assert len(sums) == 12 and set(sums) == {f"{blob.partition('sha256:')[2].partition('?')[0]}  -"}
    assert [line.split(" ", 2)[2] for line in cached.asked("cdn.test/v2/")] == ["200 - -"], "once, and no token goes where it was sent"
    assert cached.get(0, tag, "-I")[0] == 200
    status, manifest = cached.get(1, tag)
    assert status == 200 and b"schemaVersion" in manifest
    by_tag = cached.asked("/library/thing/manifests/1")
    assert [line.split(" ", 2)[2] for line in by_tag] == ["401 - -", "200 - Bearer anybody"], "HEAD and GET are one"
    assert cached.get(1, tag, "-H", "Accept: text/plain")[0] == 200 and len(cached.asked("/library/thing/manifests/1")) == 4
    for password in ("Bearer owner", "Basic eDp4"):
        head = cached.get(0, private, "-i", "-H", f"Authorization: {password}")
        assert head[0] == 404 and b"authenticate" not in head[1].lower(), "containerd asks the registry itself, with its own password"
    assert not [line for line in cached.asked("") if "owner" in line or "Basic" in line]
    # a tag is asked for again after ten minutes; here after a second
    cached.rooster.run(f"sed -i 's/200 10m/200 1s/' {NGINX}; master=$(cat /run/coop-cache/nginx.pid)\n"
                       "worker=$(pgrep -P $master | head -n 1); kill -HUP $master\n"
                       "for i in $(seq 50); do [ -d /proc/$worker ] || exit 0; sleep 0.2; done; cat /run/said; exit 1")
    old = tag.replace("manifests/1", "manifests/2")
    assert cached.get(0, old) == (200, manifest)
    cached.rooster.run("sleep 2")
    assert cached.get(1, old) == (200, manifest)
    assert [line.split(" ", 2)[2] for line in cached.asked("/manifests/2")] == [
        "401 - -", "200 - Bearer anybody", "401 - -", "304 - Bearer anybody"]
    for away in ("down", "nameless"):
        cached.internet(away)
        cached.rooster.run("sleep 2")
        assert cached.get(0, old) == (200, manifest) and cached.get(0, tag) == (200, manifest) and len(cached.at_once(blob, each=1)) == 2
        assert cached.get(0, "v2/docker.io/library/other/manifests/1")[0] == 502
    for path in ("v2/", "v2/docker.io/library/thing/tags/list", "v2/example.org/library/thing/manifests/1", "token"):
        assert cached.get(0, path)[0] in (403, 404)


def test_containerd_fetches_images_through_it_also_when_the_registry_is_away(cached):
    cached.containerd(0)
    cached.containerd(1)
    assert cached.fetch(0, "docker.io/library/thing:1").endswith("\n0\n")
    asked = [line.split(" ", 2)[2] for line in cached.asked("/library/thing/")]
    assert len([line for line in asked if line.startswith("200")]) == 4, "tag, manifest, configuration, layer"
    said = cached.fetch(0, "docker.io/my/private:1", "--user me:secret")
    assert "registry-1.docker.io" in said and not said.endswith("\n0\n"), "the registry itself is asked, which chicks do not reach"
    assert not [line for line in cached.asked("") if line.split()[-1] not in ("-", "anybody")], "and rooster does not see the password"
    cached.internet("down")
    before = cached.asked("")
    assert cached.fetch(1, "docker.io/library/thing:1").endswith("\n0\n")
    assert cached.asked("") == before


def test_nobody_else_and_nothing_else_is_served(cached):
    for path in ("https/example.org/", "https/pkgs.k8s.io/other", "https/pkgs.k8s.io/core:/stable:/v1.36/deb/../../../../other",
                 "https/pkgs.k8s.io/core:/stable:/v1.36/deb/%2e%2e/other", "https/cdn.test/core:/stable:/v1.36/deb/302/thing.deb", "",
                 "https/pkgs.k8s.io/other/../core:/stable:/v1.36/deb/thing.deb", "http/ftp.us.debian.org/debian/pool/thing.deb"):
        assert cached.get(0, path, "--path-as-is")[0] == 403, path
    proxied = cached.chicks[0].run(f"for url in http://example.org/ http://{DEBIAN}/other http://127.0.0.5/debian/pool/thing.deb; do "
                                   "curl -s -o /dev/null -w '%{http_code} ' -x http://10.0.0.1:8081 $url; done")
    assert proxied == "403 403 403 "
    cached.chicks[0].run("! curl -s -x http://10.0.0.1:8081 https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key")
    assert cached.get(0, f"{BASE}/thing.deb", "-X", "POST")[0] == 403
    assert cached.asked("Release.key") == cached.asked("")
    assert cached.get(0, "https/download.docker.com/linux/debian/gpg")[0] == 502, "its certificate is not for this name"
    assert cached.get(0, f"{BASE}/thing.deb", "-H", "Authorization: Basic eDp4", "-H", "Cookie: a=b")[0] == 200
    assert cached.asked("thing.deb")[0].endswith(" -"), "nobody's password leaves the rack"
    cached.chicks[0].run("ip addr add 10.0.9.9/24 dev enp1s0; ip route add 10.0.0.1 dev enp1s0 src 10.0.9.9")
    cached.rooster.run("ip route add 10.0.9.0/24 dev enp3s0")
    assert cached.get(0, f"{BASE}/thing.deb", "--interface", "10.0.9.9")[0] == 403


def test_without_the_key_chicks_ask_for_themselves_again(cached):
    assert cached.chicks[0].run(f"cat {APT}").count(DEBIAN) == 1
    mirrors = "ls /etc/containerd/certs.d/*/hosts.toml 2>/dev/null | wc -l"
    assert cached.chicks[0].run(mirrors) == "4\n"
    cached.network.write_text(cached.network.read_text().replace("cache: {}\n", ""))
    cached.apply(chick_files)
    assert cached.chicks[0].run(f"ls {APT} 2>/dev/null || echo gone") == "gone\n"
    assert cached.chicks[0].run(mirrors) == "0\n"
