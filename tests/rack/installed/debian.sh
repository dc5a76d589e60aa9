# shellcheck shell=sh
# As Debian's installer leaves a machine: ifupdown, and systemd's clock. Given: router; address (with its length), or "" where dhcpcd asks
# for it, which writes resolv.conf, too.
apt-get -q -y --no-install-recommends install ifupdown systemd-timesyncd cron logrotate
how="static
	address $address
	gateway ${router:?}
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers $router
	dns-search flock.lan"
if [ -z "$address" ]; then
  apt-get -q -y --no-install-recommends install dhcpcd-base
  how=dhcp
fi
cat >/etc/network/interfaces <<END
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# The primary network interface
auto enp1s0
iface enp1s0 inet $how
END
systemctl disable -q systemd-networkd.service systemd-networkd.socket
rm /etc/systemd/network/10-enp1s0.network
