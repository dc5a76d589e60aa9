# shellcheck shell=sh disable=SC2154
# The locate light of a disk's bay: by the enclosure's own driver, else by ledctl where it is installed. Nothing is read from the disk: that
# would make its activity light blink too, and is a person's to begin.
# Given: disk (a path), on (1 or 0), sys (/sys). Lines "serial …" and "light HOW", "dark WHY" or "absent".

name=$(readlink -f "$disk") || :
name=${name#/dev/}
if [ -z "$name" ] || [ ! -e "$sys/class/block/$name" ]; then echo absent; exit 0; fi
echo "serial $(lsblk -d -n -r -o SERIAL "/dev/$name" 2>/dev/null)"
why='no enclosure is known to the kernel, and there is no ledctl'
for slot in "$sys/class/block/$name/device"/enclosure_device:*; do
  [ -e "$slot/locate" ] || continue
  if echo "$on" >"$slot/locate" && [ "$(cat "$slot/locate")" = "$on" ]; then echo "light enclosure ${slot##*/enclosure_device:}"; exit 0; fi
  why="the enclosure takes no light for ${slot##*/enclosure_device:}"
done
if command -v ledctl >/dev/null; then
  state=locate; [ "$on" = 1 ] || state=locate_off
  if said=$(ledctl --listed-only "$state=/dev/$name" 2>&1); then echo 'light ledctl'; exit 0; fi
  why="ledctl: $(printf '%s\n' "$said" | tail -n 1)"
fi
echo "dark $why"
