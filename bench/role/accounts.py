"""Accounts, and the keys that open them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.resources import writing
from fabfile.resources.base import Change, Command, Resource
from fabfile.resources.file import FileFacts, difference, permission_changes, probe_file, undo


@dataclass(frozen=True)
class Group(Resource):
    """A group. One that groupadd has left without its line in /etc/gshadow, on a full disk, is made again."""

    group: str
    system: bool = False

    @property
    def name(self) -> str:
        return f"group {self.group}"

    def probe(self) -> str:
        return (f"if getent group -- {quote(self.group)}; then grep -qs {quote(f'^{self.group}:')} /etc/gshadow || "
                "[ ! -e /etc/gshadow ] || echo half; fi")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        group, system = quote(self.group), "--system " if self.system else ""
        if not facts.startswith(f"{self.group}:"):
            yield Change(f"group {self.group} is absent", (Command(f"groupadd {system}-- {group}"),))
        elif "half" in facts.split("\n"):
            number = facts.split(":")[2]
            yield Change(f"group {self.group} is only half made",
                         (Command(f"groupdel -- {group}"), Command(f"groupadd {system}--gid {number} -- {group}")))


@dataclass(frozen=True)
class User(Resource):
    """An account without a password, with this shell and (at least) in these groups. A `system` one needs
    no home."""

    user: str
    groups: tuple[str, ...] = ()
    shell: str = "/bin/bash"
    system: bool = False
    home: str = ""  # as useradd chooses when empty

    @property
    def name(self) -> str:
        return f"user {self.user}"

    def probe(self) -> str:
        user = quote(self.user)
        return (f"if p=$(getent passwd -- {user}); then echo \"$p\"; id -Gn -- {user}; p=${{p%:*}}\n"
                "[ -e \"${p##*:}\" ] || echo 'no home'; fi")

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        user = quote(self.user)
        lines = facts.split("\n")
        fields = lines[0].split(":")
        if len(fields) != 7 or len(lines) < 2:
            options = ["--system"] if self.system else []
            options += ["--no-create-home", "--shell", self.shell]
            options += ["--home-dir", self.home] if self.home else []
            options += ["--groups", ",".join(self.groups)] if self.groups else []
            home = () if self.system else (self._make_home(),)
            yield Change(f"user {self.user} is absent",
                         (Command(f"useradd {' '.join(map(quote, options))} -- {user}"), *home))
            return
        missing = [group for group in self.groups if group not in lines[1].split(" ")]
        if missing:
            yield Change(f"{self.user} is not in {', '.join(missing)}",
                         (Command(f"usermod --append --groups {quote(','.join(missing))} -- {user}"),))
        if fields[6] != self.shell:
            yield Change(f"the shell of {self.user} is {fields[6]}, should be {self.shell}",
                         (Command(f"usermod --shell {quote(self.shell)} -- {user}"),))
        if "no home" in lines and not self.system:
            yield Change(f"the home of {self.user} is absent", (self._make_home(),))
        elif self.home and fields[5] != self.home:
            yield Change(f"the home of {self.user} is {fields[5]}, should be {self.home}",
                         (Command(f"usermod --move-home --home {quote(self.home)} -- {user}"),))

    def _make_home(self) -> Command:
        """The whole skeleton beside its place, then moved: useradd itself takes a full disk for success."""
        user = quote(self.user)
        return Command("\n".join([
            f"home=$(getent passwd -- {user} | cut -d : -f 6); new=${{home%/*}}/.coop-new.${{home##*/}}",
            '[ ! -e "$home" ] || exit 0',
            "trap 'rm -rf -- \"$new\"' EXIT; rm -rf -- \"$new\"; mkdir -p -- \"${home%/*}\"",
            'cp -aT -- /etc/skel "$new"',
            f'chown -R -- {user}: "$new"',
            "mode=$(sed -n 's/^HOME_MODE[[:space:]]*//p' /etc/login.defs)",
            'chmod -- "${mode:-0755}" "$new"',
            'find "$new" -type f -exec sync -- {} +',
            'mv -T -- "$new" "$home"; sync -- "${home%/*}"',
        ]), shown=f"make the home of {self.user}")


@dataclass(frozen=True)
class AuthorizedKeys(Resource):
    """Exactly these keys open the account: a key that is no longer here opens it no more.

    The change is rolled back automatically unless a new connection comes in with the new keys.
    """

    user: str
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError(f"{self.user} would be left without any key")

    @property
    def name(self) -> str:
        return f"authorized keys of {self.user}"

    def probe(self) -> str:
        user = quote(self.user)
        looks = probe_file("@home@/.ssh/authorized_keys").replace("@home@", '"$home"')
        return (f'home=$(getent passwd -- {user} | cut -d : -f 6); echo "home $home"\n'
                f'echo "group $(id -gn -- {user} 2>/dev/null)"\n{looks}')

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        home_line, _, rest = facts.partition("\n")
        group_line, _, rest = rest.partition("\n")
        home, group = home_line.removeprefix("home "), group_line.removeprefix("group ")
        if not home:  # made by an earlier resource of this plan, not yet there
            home, group = f"/home/{self.user}", self.user
        path = f"{home}/.ssh/authorized_keys"
        found = FileFacts(rest)
        data = "".join(f"{key.strip()}\n" for key in self.keys).encode()
        if found.content is not None and found.content.encode() == data:
            yield from permission_changes(path, found, self.user, group, 0o600)
            return
        user = quote(self.user)
        script = (f'install -d -m 0700 -o {user} -g "$(id -gn -- {user})" -- {quote(home)}/.ssh\n'
                  + writing.put(path, writing.text_of(data), owner=self.user, group="", mode=0o600))
        yield Change(f"{path} holds other keys" if found.kind == "file" else f"{path} is {found.kind}",
                     (Command(script, shown=f"write {path} ({len(self.keys)} keys)"),),
                     diff=difference(path, found.content, data), undo=undo(path, found),
                     alters=frozenset({f"file:{path}"}))
