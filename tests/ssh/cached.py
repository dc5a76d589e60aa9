"""A swarm whose rooster caches: the role's own files and nginx, and an internet of four names at one of its addresses."""

from __future__ import annotations

import os
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from boots import nginx
from swarm import Host

from fabfile.engine.step import Step
from fabfile.rack import Rack
from fabfile.resources import Absent, AptRepository, File, RegistryMirrors, Resource
from fabfile.roles.cache import NGINX, cache, cached_images, cached_packages
from fabfile.roles.programs import kubernetes_repository

LUA = ("libnginx-mod-http-lua", "libnginx-mod-http-ndk", "lua-resty-core", "lua-resty-lrucache", "libluajit2-5.1-2",
       "libluajit2-5.1-common", "libpcre3")
DEBIAN, KUBERNETES = "ftp.us.debian.org", "pkgs.k8s.io"
DIRECT = "env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY"
BASE = "https/pkgs.k8s.io/core:/stable:/v1.36/deb"
INTERNET = "python3 /srv/upstream.py /srv/internet /srv/certificate /srv/key /srv/asked"


def unpack(host: Host, name: str, packages: tuple[str, ...]) -> None:
    """Debian's packages, downloaded once, in a machine of the swarm alone."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / name
    if not cache.exists():
        building = cache.with_suffix(".building")
        building.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *packages], check=True, cwd=building)
        building.rename(cache)
    host.bring(cache)
    host.run(f"for each in {cache}/*.deb; do dpkg-deb --fsys-tarfile $each | tar -x --keep-directory-symlink -C /; done; ldconfig")


def written(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Packages and units a swarm has not."""
    return (one for one in resources if isinstance(one, File | Absent | AptRepository | RegistryMirrors))


def rooster_files(rack: Rack) -> list[Step]:
    return [Step("cache", (rack.gateway,), lambda rack, _: written(cache(rack)))]


def chick_files(rack: Rack) -> list[Step]:
    return [Step("chicks", rack.chicks, lambda rack, _: written([cached_packages(rack), cached_images(rack)]))]


def chick_sources(rack: Rack) -> list[Step]:
    return [Step("sources", rack.chicks, lambda rack, chick: written([kubernetes_repository(rack, chick)]))]


class Cached:
    """`operator` is somebody at a rack with a cache."""

    def __init__(self, operator):
        self.operator, self.swarm = operator, operator.swarm
        self.rooster, self.chicks = self.swarm.hosts["rooster"], [self.swarm.hosts[name] for name in self.swarm.names[1:]]
        self.network = operator.folder / "configs/network.yaml"
        self.network.write_text(self.network.read_text() + "cache: {}\n")
        self.apply(rooster_files)
        self._bring()
        self.internet("up")
        self.rooster.run(f"""
dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces --pid-file=/run/names.pid \
    --address=/#/127.0.0.5
install -d -o nobody /var/cache/coop-cache /run/coop-cache
setpriv --reuid=65534 --regid=65534 --clear-groups nginx -e stderr -c {NGINX} >/run/said 2>&1 </dev/null || {{ cat /run/said; exit 1; }}
""")
        self.apply(chick_files)
        self.apply(chick_sources)

    def apply(self, files: Callable[[Rack], list[Step]]) -> None:
        result = self.operator.run(files)
        assert result.exit_code == 0, result.errors

    def _bring(self) -> None:
        """The upstream with a package in each repository. The certificate is for two of the names; rooster trusts it."""
        program = (Path(__file__).parent / "upstream.py").read_text()
        self.rooster.run(f"""set -e
cat >/srv/upstream.py <<'END'
{program}
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout /srv/key -out /srv/certificate \
    -addext 'subjectAltName=DNS:{KUBERNETES},DNS:cdn.test,DNS:registry-1.docker.io,DNS:auth.docker.io' 2>/srv/said
cat /srv/certificate >>/etc/ssl/certs/ca-certificates.crt
mkdir -p /srv/thing/DEBIAN; cd /srv
printf '%s\\n' 'Package: thing' 'Version: 1' 'Architecture: all' 'Maintainer: x <x@example.org>' 'Description: x' >thing/DEBIAN/control
dpkg-deb -b thing thing.deb >/dev/null
index() {{
    cat thing/DEBIAN/control
    printf '%s\\n' "Filename: $1" "Size: $(stat -c %s thing.deb)" "SHA256: $(sha256sum <thing.deb | cut -d' ' -f1)"
}}
export GNUPGHOME=/srv/gnupg; mkdir -m 700 $GNUPGHOME
gpg -q --batch --passphrase '' --quick-generate-key test ed25519 sign 2>/dev/null
sign() {{ # a folder, and the index within
    sum=$(sha256sum <"$1/$2" | cut -d' ' -f1); hashes=$1/${{2%Packages}}by-hash/SHA256
    mkdir -p "$hashes"; cp "$1/$2" "$hashes/$sum"
    printf '%s\n' 'Suite: trixie' 'Codename: trixie' "Date: $(date -Ru)" 'Acquire-By-Hash: yes' 'Components: main' SHA256: \
        " $sum $(stat -c %s "$1/$2") $2" | gpg -q --batch --clearsign >"$1/InRelease"
}}
at=internet/{DEBIAN}/debian; index=main/binary-$(dpkg --print-architecture)/Packages
mkdir -p $at/pool $at/dists/trixie/${{index%/*}}
cp thing.deb $at/pool/; index pool/thing.deb >$at/dists/trixie/$index; sign $at/dists/trixie $index
at=internet/{KUBERNETES}/core:/stable:/v1.36/deb; mkdir -p $at; cp thing.deb $at; index ./thing.deb >$at/Packages; sign $at Packages
gpg -q --batch --armor --export >$at/Release.key
for code in 301 302 303 307 308; do
    there=internet/cdn.test/core:/stable:/v1.36/deb/$code; mkdir -p $there; cp thing.deb $there
done
manifest=internet/registry-1.docker.io/v2/library/thing/manifests; mkdir -p $manifest internet/cdn.test/v2/library/thing/blobs
blob=$(head -c 300000 /dev/urandom | tee layer | sha256sum | cut -d' ' -f1); mv layer internet/cdn.test/v2/library/thing/blobs/sha256:$blob
config=$(printf '%s' '{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["sha256:'$blob'"]}}}}' | tee config |
    sha256sum | cut -d' ' -f1); size=$(stat -c %s config); mv config internet/cdn.test/v2/library/thing/blobs/sha256:$config
oci=application/vnd.oci.image
printf '%s' '{{"schemaVersion":2,"mediaType":"'$oci'.manifest.v1+json",' \
    '"config":{{"mediaType":"'$oci'.config.v1+json","digest":"sha256:'$config'","size":'$size'}},' \
    '"layers":[{{"mediaType":"'$oci'.layer.v1.tar","digest":"sha256:'$blob'","size":300000}}]}}' >$manifest/1
cp $manifest/1 $manifest/sha256:$(sha256sum <$manifest/1 | cut -d' ' -f1); echo $blob >blob
cp $manifest/1 $manifest/2
mkdir -p internet/registry-1.docker.io/v2/my/private/manifests; echo secret >internet/registry-1.docker.io/v2/my/private/manifests/1
mkdir -p internet/download.docker.com/linux/debian; echo x >internet/download.docker.com/linux/debian/gpg
echo secret >internet/{KUBERNETES}/other
""")
        if not str(nginx()).startswith("/usr/sbin"):
            self.rooster.bring(nginx())
            self.rooster.run(f"ln -s {nginx()} /usr/sbin/nginx")
        unpack(self.rooster, "nginx-lua", LUA)

    def internet(self, which: str) -> None:
        """Up; or down: nobody answers. Or nameless: no name is resolved any more, either."""
        if which == "up":
            self.rooster.run(f"setsid {INTERNET} >/run/upstream.log 2>&1 </dev/null & echo $! >/run/upstream.pid\n"
                             "until curl -s --noproxy '*' -o /dev/null http://127.0.0.5/; do sleep 0.1; done")
        elif which == "down":
            self.rooster.run("kill $(cat /run/upstream.pid)")
        else:
            self.rooster.run("kill $(cat /run/names.pid)")

    def get(self, chick: int, path: str, *options: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        words = " ".join(f"'{option}'" for option in options)
        said = self.chicks[chick].run(
            f"curl -s --noproxy '*' --max-time 60 -w '\\n%{{http_code}}' {words} 'http://10.0.0.1:8081/{path}' | base64 -w 0")
        body, _, status = b64decode(said).rpartition(b"\n")
        return int(status), body

    def containerd(self, chick: int) -> None:
        """Debian's containerd, which keeps what it fetches in a folder of its own."""
        host = self.chicks[chick]
        unpack(host, "containerd", ("containerd",))
        host.run("printf 'version = 2\\nroot = \"/srv/containerd\"\\n' >/srv/containerd.toml\n"
                 f"setsid {DIRECT} containerd -c /srv/containerd.toml >/run/containerd.log 2>&1 </dev/null &\n"
                 "for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.2; done; cat /run/containerd.log; exit 1")

    def fetch(self, chick: int, image: str, *options: str) -> str:
        """What `ctr` prints that fetches an image as kubelet has it fetched, by the hosts.toml of the role."""
        return self.chicks[chick].run(f"{DIRECT} timeout 60 ctr content fetch {' '.join(options)} "
                                      f"--hosts-dir /etc/containerd/certs.d {image} 2>&1; echo $?", check=False)

    def at_once(self, path: str, each: int = 6) -> list[str]:
        """Checksums of what every chick gets that asks `each` times at the same time."""
        text = (f"for i in $(seq {each}); do curl -s --noproxy '*' --max-time 60 'http://10.0.0.1:8081/{path}' | sha256sum & done; wait")
        asking = [subprocess.Popen([*chick.inside(), "sh", "-c", text], stdout=subprocess.PIPE, text=True) for chick in self.chicks]
        return [line for one in asking for line in one.communicate(timeout=90)[0].split("\n") if line]

    def asked(self, part: str) -> list[str]:
        """What the upstream was asked whose path has this part: method, path, status, range, authorization."""
        log = self.rooster.run("cat /srv/asked 2>/dev/null || :")
        return [line for line in log.splitlines() if part in line and not line.startswith("GET 127.0.0.5/ ")]
