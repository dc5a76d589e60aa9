"""A repository that apt installs from."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from shlex import quote

from . import apt_sources, parts, system, writing
from .base import Change, Command, RemoteValue, Resource, conflict
from .file import File, FileFacts
from .others import commented


@dataclass(frozen=True)
class AptRepository(Resource):
    """An apt source and the one key that may sign it, fetched by curl from `key` (https, armored).

    `suite` "/" is a flat repository, as pkgs.k8s.io has them; any other wants `components`. With `key_sha256`
    no other key is taken. With `key_by`, that machine fetches the key, and it comes from there by SSH: for an address that
    is trusted on that machine alone. `of_system`: `suite` is a release of Debian's, and a machine of another one has its own.
    The lists are fetched by the next Packages that needs them.
    """

    repository: str
    url: str
    key: str
    suite: str = "/"
    components: tuple[str, ...] = ()
    key_sha256: str = ""
    architectures: tuple[str, ...] = ()
    key_by: str = ""
    of_system: bool = False

    @property
    def name(self) -> str:
        return f"apt repository {self.repository}"

    @property
    def keyring(self) -> str:
        return f"/etc/apt/keyrings/{self.repository}.asc"

    def source(self) -> File:
        """The source as apt reads it."""
        fields = {
            "Types": "deb",
            "URIs": self.url,
            "Suites": self.suite,
            "Components": " ".join(self.components),
            "Architectures": " ".join(self.architectures),
            "Signed-By": self.keyring,
        }
        return File(f"/etc/apt/sources.list.d/{self.repository}.sources",
                    "".join(f"{field}: {value}\n" for field, value in fields.items() if value))

    def probe(self) -> str:
        keyring = quote(self.keyring)
        digest = f"sha256sum <{keyring}" if self.key_sha256 else "echo some"
        return parts.probe(f"if [ -s {keyring} ]; then {digest}; else echo absent; fi", self.source().probe(),
                           apt_sources.probe(self.url, self.source().path), *([system.PROBE] if self.of_system else []))

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        key, source, others, runs = parts.facts(facts, 4)
        release = system.release(runs)
        if self.of_system and release.get("ID") == "debian" and release.get("VERSION_CODENAME", self.suite) != self.suite:
            yield from replace(self, suite=release["VERSION_CODENAME"], of_system=False).changes(facts, altered)
            return
        yield from self._conflicts(others)
        found = key.split()[0] if key.split() else "absent"
        former = FileFacts(source).content
        if found == "absent":
            what = "is absent"
        elif self.key_sha256 and found != self.key_sha256:
            what = "is another key"
        elif former is not None and f"URIs: {self.url}" not in former.split("\n"):
            what = "is the key of another source"
        else:
            what = ""
        if what:
            fetch = RemoteValue("key", self.key_by, _fetch(self.key, 50), f"a copy of {self.key}")
            yield Change(f"{self.keyring} {what}",
                         (Command(self._fetch_key(), limit=120.0, shown=f"fetch {self.key}"),),
                         remote_values=(fetch,) if self.key_by else (), alters=frozenset({f"file:{self.keyring}"}))
        yield from self.source().changes(source, altered)

    def _conflicts(self, others: str) -> Iterator[Change]:
        done: set[tuple[str, int]] = set()
        for one in apt_sources.conflicting(others, self.url, self.suite, self.keyring):
            if (one.path, min(one.lines)) in done:
                continue
            done.add((one.path, min(one.lines)))
            key = f"the key {one.signed_by}" if one.signed_by.startswith("/") else "another key" if one.signed_by else "no key of its own"
            yield conflict(one.path, f"{one.path}:{one.line} names {self.url} {self.suite} with {key}; with Coop's {self.keyring} "
                           "beside it, apt would read none of its lists", commented(one.path, one.lines), keepable=False,
                           alters=frozenset({f"file:{one.path}"}))

    def _fetch_key(self) -> str:
        new = quote(writing.beside(self.keyring))
        check = "grep -q 'BEGIN PGP PUBLIC KEY BLOCK' {} || { echo 'this is no armored key' >&2; exit 1; }"
        if self.key_sha256:
            check = (f"echo '{self.key_sha256}  '{new} | sha256sum --check --status || "
                     "{ echo \"this is another key: $(sha256sum <{})\" >&2; exit 1; }")
        printing = "printf '%s\\n' \"$key\"" if self.key_by else _fetch(self.key, 100)
        return writing.put(self.keyring, printing, check=check)


def _fetch(url: str, seconds: int) -> str:
    return f"curl -fsSL --retry 3 --max-time {seconds} -- {quote(url)}"
