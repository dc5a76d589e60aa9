"""Accounts, and the keys that open them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from shlex import quote

from fabfile.programs import shell

from . import writing
from .base import Change, Command, Resource, refusal
from .file import FileFacts, difference, permission_changes, probe_file, undo


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
    shell: str = "/bin/bash"  # empty: whatever it is
    system: bool = False
    home: str = ""  # as useradd chooses when empty
    uid: int | None = None  # as useradd chooses when None

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
            options += ["--no-create-home", *(["--shell", self.shell] if self.shell else [])]
            options += ["--uid", str(self.uid)] if self.uid is not None else []
            options += ["--home-dir", self.home] if self.home else []
            options += ["--groups", ",".join(self.groups)] if self.groups else []
            # "!", useradd's own, is a locked account to an sshd without PAM
            options += [] if self.system else ["--password", "*"]
            home = () if self.system else (self._make_home(),)
            yield Change(f"user {self.user} is absent",
                         (Command(f"useradd {' '.join(map(quote, options))} -- {user}"), *home))
            return
        missing = [group for group in self.groups if group not in lines[1].split(" ")]
        if missing:
            yield Change(f"{self.user} is not in {', '.join(missing)}",
                         # usermod knows the accounts of this machine alone, not those of a directory service
                         (Command("\n".join(f"gpasswd --add {user} {quote(group)} >/dev/null" for group in missing)),))
        if self.uid is not None and fields[2] != str(self.uid):
            yield refusal(f"{self.user} has the uid {fields[2]}, should have {self.uid}: its files bear that number, so nothing is changed")
        if self.shell and fields[6] != self.shell:
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
        return (f'home=$(getent passwd -- {user} | cut -d : -f 6)\n'
                # an account that this plan makes first has its home where useradd puts homes
                f'[ -n "$home" ] || home=$(useradd -D 2>/dev/null | sed -n "s/^HOME=//p")/{self.user}; echo "home $home"\n'
                f'echo "group $(id -gn -- {user} 2>/dev/null)"\n{looks}')

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        home_line, _, rest = facts.partition("\n")
        group_line, _, rest = rest.partition("\n")
        home, group = home_line.removeprefix("home "), group_line.removeprefix("group ")
        group = group or self.user
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


@dataclass(frozen=True)
class NoFormerAccounts(Resource):
    """No account in `group` but these. One that is no longer listed is really gone: its sessions end, its keys, its line in
    sudoers, timers and the account itself go. Its files are kept, for root alone. `forgets` are files of it elsewhere, with
    NAME for its name."""

    group: str
    users: tuple[str, ...]
    forgets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"no other accounts in {self.group}"

    def probe(self) -> str:
        return f"getent group -- {quote(self.group)} || :"

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        for user in facts.strip().rpartition(":")[2].split(","):
            if user and user not in self.users:
                files = " ".join(quote(file.replace("NAME", user)) for file in self.forgets)
                script = shell("account_gone", user=user, group=self.group, files=files)
                yield Change(f"{user} is no longer among the operators",
                             (Command(script, long=True, limit=120.0, shown=f"remove the account {user}"),),
                             interrupts=f"{user} can no longer log in, and {user}'s sessions and programs there end; the home is kept "
                                        "in /var/lib/coop/former/homes")
