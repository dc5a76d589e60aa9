# shellcheck shell=sh
# As Debian's installer leaves a machine that was given its address: ifupdown with dhcpcd, which writes resolv.conf.
apt-get -q -y --no-install-recommends install ifupdown dhcpcd-base systemd-timesyncd cron logrotate
cat >/etc/network/interfaces <<END
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# The primary network interface
auto enp1s0
iface enp1s0 inet dhcp
END
systemctl disable -q systemd-networkd.service systemd-networkd.socket
rm /etc/systemd/network/10-enp1s0.network
