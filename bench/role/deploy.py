"""The role with pyinfra's operations."""

from io import StringIO
from pathlib import Path

from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

MOTD = f"This machine belongs to the flock.\nEdition {host.data.edition}.\n"
SUDOERS = "keeper ALL=(root) NOPASSWD: /usr/bin/systemctl restart flock-beacon\n"

apt.update(cache_time=86400)
apt.packages(["flock-words", "flock-say", "flock-beacon"], no_recommends=True)
server.group("flock")
server.user("keeper", groups=["flock"], append=True, create_home=True, shell="/bin/bash")
files.directory("/srv/flock", user="keeper", group="flock", mode="750")
settings = files.template(str(Path(__file__).with_name("beacon.conf.j2")), "/etc/flock/beacon.conf",
                          user="root", group="root", mode="644", machine=host.name)
files.put(StringIO(MOTD), "/etc/motd", user="root", group="root", mode="644")
files.line("/etc/hosts", "10.0.0.1 rooster.flock.lan rooster", escape_regex_characters=True)
server.sysctl("net.ipv4.tcp_fin_timeout", "20", persist=True, persist_file="/etc/sysctl.d/flock.conf")
files.link("/usr/local/bin/say", target="/usr/bin/flock-say")
files.put(StringIO(SUDOERS), "/etc/sudoers.d/keeper", user="root", group="root", mode="440")
systemd.service("flock-beacon", running=True, enabled=True)
systemd.service("flock-beacon", restarted=True, _if=settings.did_change)
