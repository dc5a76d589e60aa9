# shellcheck shell=sh disable=SC2154
# What a client of a file server finds true: it mounts an export, writes, and reads the same by a second mount; every file is the homes'
# owner's, whatever root here wants. The mount gives up when nobody answers, unlike those of homes. A line each, as storage_prove.sh has them.
# Given: machine (its own name), server (an address), path (exported), owner (UID:GID).

set +e
export LC_ALL=C.UTF-8
proof() { printf 'proof\t%s\t%s\t%s\n' "$1" "$2" "$(printf %s "$3" | tr '\n\t' '; ')"; }
what="$machine writes to $path, and reads the same"
command -v mount.nfs >/dev/null || { proof "$what" untried "there is no mount.nfs"; exit 0; }
place=$(mktemp -d /run/coop-prove.XXXXXX) || exit 1
name='' began=$(date +%s)
mounted() { timeout 60 mount -t nfs -o nfsvers=4.2,soft,timeo=100,retrans=2,noatime "$server:$path" "$place" 2>&1; }
unmounted() { timeout 30 umount "$place" 2>/dev/null || umount -l "$place" 2>/dev/null; }
# shellcheck disable=SC2317,SC2329  # by the trap
cleanup() {
  case $name in "$place"/.coop-prove-*) timeout 30 rm -rf -- "$name" ;; esac
  unmounted; rmdir "$place"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
said=$(mounted) || { proof "$what" broken "it cannot be mounted: $said"; exit 0; }
name=$(timeout 30 mktemp -d "$place/.coop-prove-$machine-XXXXXX" 2>&1) || { proof "$what" broken "$name"; name=; exit 0; }
said=$(timeout 60 dd if=/dev/urandom of="$name/file" bs=64k count=16 conv=fsync 2>&1) || { proof "$what" broken "$said"; exit 0; }
sum=$(sha256sum <"$name/file")
unmounted
said=$(mounted) || { proof "$what" broken "it cannot be mounted again: $said"; exit 0; }
if [ "$(timeout 60 sha256sum "$name/file" | cut -d ' ' -f 1)" = "${sum%% *}" ]
then proof "$what" holds "1 MiB with fsync, by two mounts, in $(($(date +%s) - began)) s"
else proof "$what" broken 'what was read by a second mount is something else'
fi
what="root of $machine is nobody on the file server"
if chown 0:0 "$name/file" 2>/dev/null; then proof "$what" broken 'it gave a file to root'
elif found=$(stat -c %u:%g "$name/file"); [ "$found" != "$owner" ]; then proof "$what" broken "its file is $found, not $owner"
else proof "$what" holds "its file is $owner"
fi
