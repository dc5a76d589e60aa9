# shellcheck shell=sh disable=SC2154
# Which backups there are, the oldest first, and whether each is as it was written. Given: folder.

cd "$folder" 2>/dev/null || exit 0
for each in [0-9]*Z; do
  [ -d "$each" ] || continue
  echo "backup $each"
  cat "$each/about"
  echo "bytes $(du -sb "$each" | cut -f 1)"
  for hub in "$each"/hub-*.sqlite; do [ ! -e "$hub" ] || { hub=${hub##*/hub-}; echo "hub ${hub%.sqlite}"; }; done
  if (cd "$each" && sha256sum --check --status sums 2>/dev/null); then echo whole; fi
done
