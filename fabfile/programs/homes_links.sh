# shellcheck shell=sh
# Whether links can be renamed in a home: done once a boot, in a folder of its own that has a project as homes have. It may stand still with
# the pool, so that a status reads what it wrote. Given as arguments: the dataset; and a file that is written: why not, or nothing.

set -eu
dataset=$1 told=$2
[ ! -e "$told" ] || exit 0
folder=$(mktemp -d "/$dataset/.coop-links-XXXXXX")
trap 'rm -rf -- "$folder"' EXIT
zfs project -s -p "$(stat -c %i "$folder")" "$folder"
ln -s one "$folder/link"
perl -e 'rename($ARGV[0], $ARGV[1]) or print "$!\n"' "$folder/link" "$folder/moved" >"$told.new"
mv "$told.new" "$told"
