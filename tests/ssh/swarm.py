"""Machines of the light kind: namespaces of their own, an overlay as root, and a real sshd.

    hub ── outer bridge 128.120.136.0/24 ── rooster ── inner bridge 10.0.0.0/24 ── chick0 chick1 …

All of it lies in namespaces of its own: the computer's own network sees nothing, and nothing leads out. The
operator comes in by the rack's proxy command, which enters the hub's network. Everything ends with the
processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

PROJECT = Path(__file__).parents[2]
DOOR = PROJECT / "lab/door"

# Milliseconds each way between the operator and rooster: there and back takes twice as long. What is said by the
# machines themselves, or among them, is not late.
DELAY = float(os.environ.get("COOP_DELAY", "20"))

# $1 the machine's folder, $2 its name, $3 the path to sshd, $4 a folder of libraries for it; $5 the size of
# its disk
MACHINE = r"""
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=$5 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
hostname "$2"; echo "$2" >etc/hostname
mount -t proc proc proc; mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run; mount -t tmpfs tmpfs tmp
mkdir -p run/sshd etc/ssh root/.ssh
grep -q ^sshd: etc/passwd || echo sshd:x:74:65534::/run/sshd:/usr/sbin/nologin >>etc/passwd
rm -f etc/ssh/ssh_host_* etc/nologin
cat >etc/ssh/ssh_host_ed25519_key; chmod 600 etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f etc/ssh/ssh_host_ed25519_key >etc/ssh/ssh_host_ed25519_key.pub
cp "$AUTHORIZED" root/.ssh/authorized_keys
cat >etc/ssh/sshd_config <<END
HostKey /etc/ssh/ssh_host_ed25519_key
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 200
LogLevel VERBOSE
END
ip link set lo up
LD_LIBRARY_PATH=$4 exec chroot . "$3" -D -e
"""


class Host:
    """One machine of the swarm."""

    def __init__(self, name: str, process: subprocess.Popen, host_key: str, folder: Path):
        self.name, self.process, self.host_key, self.folder = name, process, host_key, folder

    @property
    def pid(self) -> int:
        """The process that holds the machine's namespaces."""
        return self.process.pid

    def inside(self) -> list[str]:
        """What enters all of the machine's namespaces, before a command."""
        init = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        return ["nsenter", "-t", init, "-n", "-m", "-p", "-u", "-r", "-w"]

    def network(self) -> list[str]:
        """What enters its network alone, before a command: for what stands at its cables. It ends with the machine."""
        return ["nsenter", "-t", self.inside()[2], "-n", "-p"]

    def run(self, script: str, check: bool = True) -> str:
        """Runs shell text inside, as its console would, and returns what it printed."""
        done = subprocess.run([*self.inside(), "sh", "-c", script], capture_output=True, text=True)
        if check and done.returncode:
            said = done.stdout + done.stderr
            raise AssertionError(f"{self.name}: {script!r} ended with {done.returncode}: {said}")
        return done.stdout


    def bring(self, folder: Path) -> None:
        """Copies a folder of this computer to the same place in the machine."""
        packed = subprocess.run(["tar", "-C", "/", "-c", str(folder).lstrip("/")], check=True,
                                stdout=subprocess.PIPE)
        subprocess.run([*self.inside(), "tar", "-C", "/", "-x"], input=packed.stdout, check=True)


class Swarm:
    """Rooster and `chicks` chicks. Use it in a `with` block."""

    def __init__(self, folder: Path, chicks: int = 1, disk: str = "64m"):
        self.folder, self.disk = folder, disk
        self.names = ["rooster", *(f"chick{i}" for i in range(chicks))]
        self.hosts: dict[str, Host] = {}
        self._hub: subprocess.Popen | None = None

    def __enter__(self) -> Swarm:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = self.folder / "id_ed25519"
        _keygen(self.key)
        self._hub = subprocess.Popen(["unshare", "--net", "--kill-child", "--fork", "sleep", "infinity"],
                                     start_new_session=True)
        _until_apart(self._hub.pid)
        try:
            for name in self.names:
                self._start(name)
            self._cable()
            self._await_banners()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*(host.process for host in self.hosts.values()), self._hub]:
            process.kill()  # takes all that lives in the namespace with it
            process.wait()

    def address(self, name: str) -> str:
        return "10.0.0.1" if name == "rooster" else f"10.0.0.{100 + int(name[5:])}"

    def mac(self, name: str, port: str = "i") -> str:
        """The same after a restart: its neighbours remember it."""
        return f"02:00:00:00:{'02' if port == 'o' else '01'}:{self.names.index(name):02x}"

    def restart(self, name: str) -> None:
        """The machine's power goes, and comes back: an empty system with the same host key."""
        host = self.hosts[name]
        host.process.kill()
        host.process.wait()
        for port, _, _ in _ports(name):  # the kernel takes its time over a namespace that nobody is in any more
            subprocess.run(["nsenter", "-t", str(self._hub.pid), "-n", "ip", "link", "del", f"{name}-{port}"],
                           stderr=subprocess.DEVNULL)
        self._start(name)
        self._cable([name])
        self._await_banners([name])

    def cut(self, name: str, port: str = "inner", up: bool = False) -> None:
        """Pulls the machine's cable out (or puts it back in): packets vanish, nobody is notified."""
        self.net(f"link set {name}-{port[0]} {'up' if up else 'down'}")
        if up:  # what was not found in the meantime is looked for again at once
            self.net("neigh flush dev outer")
            self.hosts["rooster"].run("ip neigh flush dev enp3s0")

    def net(self, *lines: str) -> None:
        """`ip` commands in the hub's network."""
        _ip(self._hub.pid, lines)

    def rack_folder(self) -> Path:
        """A rack folder (hosts.yaml, configs/) for COOP_RACK and load()."""
        rack = self.folder / "rack"
        (rack / "configs").mkdir(parents=True, exist_ok=True)
        for name in ("network", "versions", "cluster"):  # the rest is about machines that a swarm has not
            shutil.copy(PROJECT / "configs" / f"{name}.yaml", rack / "configs")
        door = f"{quote(str(DOOR))} --delay {DELAY:g} /proc/{self._hub.pid}/ns/net %h %p"
        lines = ["rack: swarm", "operator:", "  user: root", f"  identity_file: {self.key}",
                 f"  proxy_command: {door}", "machines:"]
        for number, (name, host) in enumerate(self.hosts.items()):
            lines += [f"  {name}:", f"    host_key: {host.host_key}"]
            if name == "rooster":
                lines += ["    roles: [gateway]", "    interfaces:",
                          f'      enp2s0: {{mac: "{self.mac(name, "o")}", address: 128.120.136.26/24,'
                          " gateway: 128.120.136.1}",
                          '      enp3s0: {mac: "02:00:00:00:01:00", address: 10.0.0.1/24}']
            else:
                role = "control-plane" if number == 1 else "worker"
                lines += [f"    roles: [{role}]", "    interfaces:",
                          f'      enp1s0: {{mac: "{self.mac(name)}", address: {self.address(name)}/24}}']
        (rack / "hosts.yaml").write_text("\n".join(lines) + "\n")
        return rack

    def _start(self, name: str) -> None:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        key = self.folder / f"{name}.host_key"
        if not key.exists():
            _keygen(key)
        program, libraries = sshd()
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
             "sh", "-eu", "-c", MACHINE, "sh", str(folder), name, str(program), str(libraries), self.disk],
            stdin=key.open(), stdout=subprocess.DEVNULL, stderr=(self.folder / f"{name}.log").open("w"),
            env={**os.environ, "AUTHORIZED": f"{self.key}.pub"}, start_new_session=True)
        self.hosts[name] = Host(name, process, " ".join(Path(f"{key}.pub").read_text().split()[:2]), folder)

    def _cable(self, names: list[str] | None = None) -> None:
        fresh = names is None
        names = names or self.names
        for name in names:
            _until_apart(self.hosts[name].pid)
        lines = [f"link add {bridge} type bridge forward_delay 0 stp_state 0" for bridge in ("outer", "inner")
                 if fresh] + ["link set lo up", "link set outer up", "link set inner up"]
        lines += ["addr add 128.120.136.2/24 dev outer"] * fresh
        for name in names:
            pid = self.hosts[name].pid
            for port, bridge, interface in _ports(name):
                lines += [f"link add {name}-{port} type veth peer name {interface} netns {pid}"
                          f" address {self.mac(name, port)}",
                          f"link set {name}-{port} master {bridge} up"]
        self.net(*lines)
        for name in names:
            for port, _, interface in _ports(name):
                address = self.address(name) if port == "i" else "128.120.136.26"
                _ip(self.hosts[name].pid,
                    [f"addr add {address}/24 dev {interface}", f"link set {interface} up"])

    def _await_banners(self, names: list[str] | None = None) -> None:
        deadline = time.monotonic() + 30
        for name in names or self.names:
            listening = Path(f"/proc/{self.hosts[name].pid}/net/tcp")
            while ":0016 " not in listening.read_text():  # port 22
                if time.monotonic() > deadline or self.hosts[name].process.poll() is not None:
                    raise AssertionError(f"{name} has no sshd: " + (self.folder / f"{name}.log").read_text())
                time.sleep(0.01)


def sshd() -> tuple[Path, Path]:
    """The path of sshd and a folder of libraries for it: the computer's own, else unpacked from its package,
    once.

    It is not installed, since that would start a daemon on the computer.
    """
    if own := shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"):
        return Path(own), Path("/usr/lib")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coop" / "sshd"
    if not (cache / "usr/sbin/sshd").exists():
        building = cache.with_suffix(".building")
        building.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", "openssh-server", "libwrap0"], check=True, cwd=building)
        for package in building.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], check=True, cwd=building)
            package.unlink()
        building.rename(cache)
    return cache / "usr/sbin/sshd", next(cache.rglob("libwrap.so.0")).parent


def _ports(name: str) -> list[tuple[str, str, str]]:
    if name == "rooster":
        return [("o", "outer", "enp2s0"), ("i", "inner", "enp3s0")]
    return [("i", "inner", "enp1s0")]


def _ip(pid: int, lines: Iterable[str]) -> None:
    """`ip` commands in a process's network."""
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "-batch", "-"], check=True, text=True,
                   input="\n".join(lines) + "\n")


def _keygen(path: Path) -> None:
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)


def _until_apart(pid: int) -> None:
    """Waits until the process has left this computer's network namespace."""
    here = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{pid}/ns/net") == here:
        time.sleep(0.002)
