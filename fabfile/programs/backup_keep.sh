# shellcheck shell=sh disable=SC2154
# A backup gets its name when all of it is there and written down; the oldest go. Given: folder (of all backups; .part has its
# cluster.tar.gz and rack.tar.gz), name, databases ("HUB=FOLDER", by spaces: the newest copy of each is taken), keep (how many).

umask 077
cd "$folder/.part" || exit
find . -mindepth 1 ! -name cluster.tar.gz ! -name rack.tar.gz -delete
tar -xzf cluster.tar.gz about
for each in $databases; do
  copy=$(find "${each#*=}" -name '*.sqlite' 2>/dev/null | sort | tail -n 1)
  [ -z "$copy" ] || cp -p "$copy" "hub-${each%%=*}.sqlite"
done
sha256sum -- *.gz *.sqlite about 2>/dev/null >sums || sha256sum -- *.gz about >sums
sync -- * .
cd "$folder" || exit
mv -T .part "$name"
sync -- .
find . -mindepth 1 -maxdepth 1 -type d -name '[0-9]*Z' | sort | head -n "-$keep" | while read -r old; do rm -rf -- "$old"; done
echo "$folder/$name: $(sed -n 's/^objects //p' "$name/about") objects, $(du -sh "$name" | cut -f 1)"
