"""rooster as the rack's cache: what the machines fetch from outside comes through an nginx of its own, and once.

    http://ROOSTER:PORT/https/HOST/PATH   a package repository that versions.yaml names
    http://HOST/PATH, asked as a proxy    a Debian mirror
    http://ROOSTER:PORT/v2/REGISTRY/…     images of a registry, as far as anybody may have them
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote
from urllib.parse import urlsplit

from fabfile.rack import Rack
from fabfile.rack.install import MIRROR, SECURITY
from fabfile.resources import Absent, Check, File, Packages, RegistryMirrors, Resource, Unit
from fabfile.roles.rendering import render
from fabfile.upstream.documents import containerd_configuration

NGINX, UNIT = "/etc/coop/cache-nginx.conf", "/etc/systemd/system/coop-cache.service"
APT = "/etc/apt/apt.conf.d/53cache"
DOCKER = {"docker.io": "registry-1.docker.io"}  # a registry's name in images → its host, where they differ


def cache(rack: Rack) -> Iterator[Resource]:
    """On rooster. What is kept stays in /var/cache/coop-cache when the rack has no cache any more."""
    if rack.network.cache is None:
        yield Unit("coop-cache", running=False, enabled=False)
        yield Absent(NGINX)
        return
    lua = {"libnginx-mod-http-lua": None} if rack.network.cache.registries else {}
    yield Packages({"ca-certificates": None, "nginx": None, **lua})
    yield File(UNIT, render("rooster/etc/systemd/system/coop-cache.service", settings=NGINX))
    # no check: `nginx -t` by root would take the folders from the unit's user. And no reload: an nginx that was upgraded
    # meanwhile cannot load its new module
    yield File(NGINX, cache_nginx(rack))
    yield Unit("coop-cache", watches=(NGINX, UNIT))


def cache_nginx(rack: Rack) -> str:
    """The settings of the nginx that caches."""
    assert rack.network.cache is not None
    return render("rooster/etc/coop/cache-nginx.conf", cache=rack.network.cache, inner=rack.gateway.address(),
                  node=rack.network.node, repositories=repositories(rack), mirrors=debian_mirrors(rack), registries=registries(rack))


def cached_packages(rack: Rack) -> Resource:
    """On chicks: apt asks rooster for what Debian's mirrors have."""
    if rack.network.cache is None:
        return Absent(APT)
    return File(APT, render("chick/etc/apt/apt.conf.d/53cache", rooster=rack.gateway.address(), port=rack.network.cache.port,
                            hosts=sorted(debian_mirrors(rack))), check="apt-config -c {} dump")


def cached_images(rack: Rack) -> Resource:
    """On chicks: containerd asks rooster first, and then the registry itself."""
    folder = containerd_configuration(rack)["plugins"]["io.containerd.cri.v1.images"]["registry"]["config_path"]
    rooster, port = rack.gateway.address(), rack.network.cache.port if rack.network.cache else 0
    return RegistryMirrors(folder.partition(":")[0], {
        registry: render("chick/etc/containerd/certs.d/hosts.toml", registry=registry, host=host, rooster=rooster, port=port)
        for registry, host in registries(rack).items()})


def registries(rack: Rack) -> dict[str, str]:
    """By name, the host of each registry whose images are cached."""
    named = rack.network.cache.registries if rack.network.cache else ()
    return {name: DOCKER.get(name, name) for name in sorted(named)}


def debian_mirrors(rack: Rack) -> dict[str, dict[str, str]]:
    """By host, the paths of Debian's mirrors that machines use, and where each is."""
    urls: Iterable[str] = (MIRROR, SECURITY) if rack.install is None else {
        url for system in rack.install.systems.values() for url in (system.mirror, system.security) if url.startswith("http:")}
    if rack.network.cache and rack.network.cache.debian is not None:
        urls = rack.network.cache.debian
    found: dict[str, dict[str, str]] = {}
    for url in sorted(urls):
        parts = urlsplit(url)
        found.setdefault(parts.hostname or "", {})[parts.path.rstrip("/")] = f"http://{parts.netloc}"
    return found


def repositories(rack: Rack) -> list[tuple[str, bool]]:
    """HOST/PATH of what chicks fetch from vendors' repositories, and whether that is a folder."""
    versions = rack.versions
    sources = [versions.kubernetes, versions.containerd, *((versions.nvidia.driver, versions.nvidia.toolkit) if versions.nvidia else ())]
    urls = dict.fromkeys((source.key for source in sources), False)
    urls |= {source.repository.rstrip("/") + "/": True for source in sources}
    return sorted((url.removeprefix("https://"), folder) for url, folder in urls.items() if url.startswith("https:"))


def through_cache(rack: Rack, url: str) -> str:
    """Where machines of the rack fetch an https address of a vendor's repository."""
    if rack.network.cache is None or not url.startswith("https:"):
        return url
    return f"http://{rack.gateway.address()}:{rack.network.cache.port}/https/{url.removeprefix('https://')}"


def internet_reached(rack: Rack) -> Check:
    """rooster reaches the repositories outside; with a cache, through it: then what it has kept will do."""
    rooster = rack.gateway.name
    if rack.network.cache is None:
        return Check(f"{rooster} reaches the internet", rooster,
                     f"curl -fsS --max-time 10 -o /dev/null {quote(rack.versions.kubernetes.key)} 2>&1")
    return Check(f"{rooster}'s cache answers", rooster, "curl -fsS --noproxy '*' --max-time 30 -o /dev/null "
                 f"{quote(through_cache(rack, rack.versions.kubernetes.key))} 2>&1")
