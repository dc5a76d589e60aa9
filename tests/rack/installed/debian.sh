# shellcheck shell=sh
# As Debian's installer leaves a machine whose address was typed: ifupdown, and systemd's clock. Given: address (with its length), router.
apt-get -q -y --no-install-recommends install ifupdown systemd-timesyncd cron logrotate
cat >/etc/network/interfaces <<END
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# The primary network interface
auto enp1s0
iface enp1s0 inet static
	address ${address:?}
	gateway ${router:?}
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers $router
	dns-search flock.lan
END
systemctl disable -q systemd-networkd.service systemd-networkd.socket
rm /etc/systemd/network/10-enp1s0.network
