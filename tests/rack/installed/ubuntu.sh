# shellcheck shell=sh
# As Ubuntu Server has it, by Debian's packages of the same programs: netplan, systemd-resolved, updates by themselves, a firewall that is off,
# services that restart after updates, a swap file. Given: address (with its length), router.
apt-get -q -y --no-install-recommends install netplan.io systemd-resolved unattended-upgrades ufw needrestart systemd-timesyncd cron
rm /etc/systemd/network/10-enp1s0.network
umask 077
cat >/etc/netplan/00-installer-config.yaml <<END
# This is the network config written by 'subiquity'
network:
  ethernets:
    enp1s0:
      addresses: ["${address:?}"]
      nameservers: {addresses: [${router:?}], search: [flock.lan]}
      routes: [{to: default, via: $router}]
  version: 2
END
umask 022
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf '/swap.img\tnone\tswap\tsw\t0\t0\n' >>/etc/fstab
mkdir -p /etc/needrestart/conf.d
printf '%s\n' "\$nrconf{restart} = 'a';" >/etc/needrestart/conf.d/50-ubuntu.conf
printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' >/etc/apt/apt.conf.d/20auto-upgrades
printf '# Uncomment to enable IP forwarding\n#net/ipv4/ip_forward=1\n' >>/etc/ufw/sysctl.conf
