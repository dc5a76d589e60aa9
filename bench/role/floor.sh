# The role as one POSIX shell script, run as root; $edition is set before. What is right already is left alone.
set -eu
umask 022

put() { # put PATH OWNER:GROUP MODE: stdin becomes the file, beside its place first; ends with 1 when it was so already
    wanted=$(cat; echo .) found=$(cat "$1" 2>/dev/null && echo . || :)
    if [ "$wanted" = "$found" ] && [ "$(stat -c '%U:%G %a' "$1")" = "$2 $3" ]; then return 1; fi
    printf %s "${wanted%.}" >"$1.new"
    chown "$2" "$1.new"
    chmod "$3" "$1.new"
    case $1 in /etc/sudoers.d/*) visudo -cqf "$1.new" ;; esac
    mv -f "$1.new" "$1"
}

packages="flock-words flock-say flock-beacon"
there=$(dpkg-query -W -f '${db:Status-Status}\n' $packages 2>/dev/null | grep -cx installed || :)
if [ "$there" != 3 ]; then
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold install $packages >/dev/null
fi

getent group flock >/dev/null || groupadd flock

getent passwd keeper >/dev/null || useradd --create-home --shell /bin/bash keeper
case " $(id -Gn keeper) " in *" flock "*) ;; *) usermod --append --groups flock keeper ;; esac

if [ "$(stat -c '%F %U:%G %a' /srv/flock 2>/dev/null)" != "directory keeper:flock 750" ]; then
    install -d -o keeper -g flock -m 750 /srv/flock
fi

restart=
put /etc/flock/beacon.conf root:root 644 <<END && restart=yes || :
# The beacon of $(hostname).
INTERVAL=86400
END

put /etc/motd root:root 644 <<END || :
This machine belongs to the flock.
Edition $edition.
END

line="10.0.0.1 rooster.flock.lan rooster"
grep -qxF "$line" /etc/hosts || echo "$line" >>/etc/hosts

[ "$(cat /proc/sys/net/ipv4/tcp_fin_timeout)" = 20 ] || /usr/sbin/sysctl -qw net.ipv4.tcp_fin_timeout=20
put /etc/sysctl.d/flock.conf root:root 644 <<END || :
net.ipv4.tcp_fin_timeout = 20
END

[ "$(readlink /usr/local/bin/say)" = /usr/bin/flock-say ] || ln -sfn /usr/bin/flock-say /usr/local/bin/say

put /etc/sudoers.d/keeper root:root 440 <<END || :
keeper ALL=(root) NOPASSWD: /usr/bin/systemctl restart flock-beacon
END

systemctl -q is-enabled flock-beacon 2>/dev/null || systemctl -q enable flock-beacon 2>/dev/null
if [ -n "$restart" ]; then systemctl restart flock-beacon
else systemctl -q is-active flock-beacon || systemctl start flock-beacon; fi
