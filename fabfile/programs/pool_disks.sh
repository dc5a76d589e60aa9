# shellcheck shell=sh disable=SC2154
# Whether disks are empty, by four looks: what uses them, and what wipefs, blkid and zdb find on them. What a pool is created on
# is looked at with it by the plan, and again by the command that creates the pool. Given: disks (paths, one a line).

uses() {  # DISK: partitions and holders of it, and where it is mounted
  lsblk -n -r -o TYPE,NAME -- "$1" 2>&1 | sed 1d
  lsblk -n -r -o MOUNTPOINTS -- "$1" 2>&1 | sed -n 's/..*/mounted at &/p'
}
contents() {  # DISK: what lies there, in each program's words; nothing where nothing does
  uses "$1" | sed 's/^/in use: /'
  wipefs -i -O TYPE,LABEL -- "$1" 2>&1 | sed 's/  */ /g; s/ $//; s/^/wipefs: /' | sort -u
  code=0; found=$(blkid -p -o export -- "$1" 2>&1) || code=$?
  case $code in
    0) printf '%s\n' "$found" | sed -n 's/^\(PTTYPE\|TYPE\|LABEL\)=/blkid: &/p' ;;
    2) ;;
    *) echo "blkid: $found" ;;
  esac
  for part in "$1"-part[0-9]*; do  # where zpool has put a whole disk's label
    [ ! -e "$part" ] || blkid -p -o export -- "$part" 2>/dev/null | sed -n 's/^\(TYPE\|LABEL\)=/blkid: &/p'
  done
  if command -v zdb >/dev/null; then zdb -l -- "$1" 2>/dev/null | sed -n "s/^ *name: '\(.*\)'/zdb: pool \1/p" | sort -u; fi
}
size_of() { blockdev --getsize64 "$1" 2>/dev/null; }
