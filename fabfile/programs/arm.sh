# shellcheck shell=sh disable=SC2154
# An order on rooster, whose texts lie beside their place: its links are made, the programs that know its files read them, and
# one rename arms the machine. Given: machine, gateway, place (the folder of the machine's address), new (the folder of the
# order, beside), links (lines "PATH TARGET"), fix (what to type when a target is not there), tftp (where TFTP looks for this
# MAC), order (lines), id, seconds.

if [ -e "$place/armed" ]; then echo "$machine is armed already" >&2; exit 1; fi
printf '%s\n' "$links" | while read -r name target; do
  [ -e "$target" ] || { echo "there is no $target on $gateway: $fix" >&2; exit 1; }
  ln -s "$target" "$new/$name"
done || exit 1
for text in guard late job; do
  [ ! -e "$new/http/$text" ] || sh -n "$new/http/$text" || exit 1
done
if [ -e "$new/http/preseed.cfg" ]; then
  said=$(debconf-set-selections --checkonly "$new/http/preseed.cfg" 2>&1) || said="${said:-it ended with an error}"
  [ -z "$said" ] || { echo "debconf does not read the preseed: $said" >&2; exit 1; }
fi
if command -v grub-script-check >/dev/null; then
  grub-script-check "$new/tftp/debian-installer/amd64/grub/grub.cfg" || exit 1
fi
mkdir -p "$place/said/$id"
chown proxy:proxy "$place" "$place/said/$id" || exit 1  # claimed by a rename, reported to by files
ln -sfnT "../at/${place##*/}/armed/tftp" "$tftp" || exit 1
: >"$new/id-$id"  # rooster's nginx lets nobody claim another order
until=$(($(date +%s) + seconds))
{ printf '%s\n' "$order"; echo "expires $until"; } >"$new/order"
sync -f "$new"
mv -T "$new" "$place/armed" || exit 1
echo "armed until $(date -u -d "@$until" '+%H:%M UTC')"
