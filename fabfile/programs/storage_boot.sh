# shellcheck shell=sh
# What a file server needs to serve its pools again after a reboot, and who would notice it: since when it runs, the pools that are imported
# at boot, the units that do it, and the addresses that NFS is served to now.

echo "started $(systemctl show --timestamp=us+utc -P UserspaceTimestamp)"
[ ! -s /etc/zfs/zpool.cache ] || zdb -C -U /etc/zfs/zpool.cache 2>/dev/null | sed -n 's/^\([a-zA-Z][^ ]*\):$/cached \1/p'
for unit in zfs-import-cache.service zfs-mount.service zfs-import.target zfs.target nfs-server.service; do
  systemctl is-enabled -q "$unit" 2>/dev/null || echo "disabled $unit"
done
for client in /proc/fs/nfsd/clients/*/info; do
  [ ! -r "$client" ] || sed -n 's/^address: "\(.*\):[0-9]*"$/client \1/p' "$client"
done | sort -u
