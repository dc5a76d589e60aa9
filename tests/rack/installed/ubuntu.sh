# shellcheck shell=sh
# As Ubuntu Server's cloud image has it, by Debian's packages of the same programs: cloud-init with a seed (another host name in it), netplan,
# systemd-resolved, updates by themselves, a firewall that is off, services that restart after updates, a swap file. Given: address (with its
# length), router.
apt-get -q -y --no-install-recommends install cloud-init netplan.io systemd-resolved unattended-upgrades ufw needrestart systemd-timesyncd cron
rm /etc/systemd/network/10-enp1s0.network
printf 'datasource_list: [NoCloud]\n' >/etc/cloud/cloud.cfg.d/90_dpkg.cfg
seed=/var/lib/cloud/seed/nocloud
mkdir -p $seed
printf 'instance-id: lab-1\nlocal-hostname: ubuntu-1\n' >$seed/meta-data
printf '%s\n' '#cloud-config' 'hostname: ubuntu-1' 'ssh_deletekeys: false' 'apt: {preserve_sources_list: true}' >$seed/user-data
cat >$seed/network-config <<END
version: 2
ethernets:
  enp1s0:
    addresses: ["${address:?}"]
    nameservers: {addresses: [${router:?}], search: [flock.lan]}
    routes: [{to: default, via: $router}]
END
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf '/swap.img\tnone\tswap\tsw\t0\t0\n' >>/etc/fstab
mkdir -p /etc/needrestart/conf.d
printf '%s\n' "\$nrconf{restart} = 'a';" >/etc/needrestart/conf.d/50-ubuntu.conf
printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' >/etc/apt/apt.conf.d/20auto-upgrades
printf '# Uncomment to enable IP forwarding\n#net/ipv4/ip_forward=1\n' >>/etc/ufw/sysctl.conf
