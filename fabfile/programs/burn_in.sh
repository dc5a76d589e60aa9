# shellcheck shell=sh disable=SC2154
# Processors, memory and disks at work for hours, all at once; the disks are only read. Comes behind claim.sh and job.sh.
# Given besides: seconds.

health() {  # what the disks say of themselves, a line of JSON each
  for name in $(whole_disks); do
    echo "disk $name $(serial_of "$name")"
    smartctl --json=c -i -H -A "$dev/$name" || :
  done
}
verdict() {  # WHAT CODE FILE: passed, or the last that it said
  if [ "$2" = 0 ]; then echo "$1 passed"; else echo "$1 failed ($2): $(grep -v '^$' "$3" | tail -n 1)"; fi
}

beat "it is at work for $seconds s"
health | told smart-before
dmesg --level=emerg,alert,crit,err >"$work/before"
free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
stress-ng --cpu 0 --cpu-method all --verify --vm 1 --vm-bytes 10% --timeout "${seconds}s" >"$work/cpu" 2>&1 &
cpu=$!
# memtester begins again until its time is over, which is no failure; the first wrong bit is one
{ timeout "$seconds" memtester "$((free * 6 / 10))M"; [ $? = 124 ]; } >"$work/memory" 2>&1 &
memory=$!
for name in $(whole_disks); do
  fio --readonly --name="$name" --filename="$dev/$name" --rw=read --bs=1M --time_based --runtime="$seconds" \
    --output="$work/disk-$name" >/dev/null 2>&1 &
  echo "$!" >"$work/pid-$name"
done
{
  code=0; wait "$cpu" || code=$?
  verdict processors "$code" "$work/cpu"
  code=0; wait "$memory" || code=$?
  ! grep -q FAILURE "$work/memory" || code=1
  verdict "memory, $((free * 6 / 10)) MiB," "$code" "$work/memory"
  for name in $(whole_disks); do
    code=0; wait "$(cat "$work/pid-$name")" || code=$?
    verdict "disk $name $(serial_of "$name")" "$code" "$work/disk-$name"
  done
  dmesg --level=emerg,alert,crit,err | tail -n "+$(($(wc -l <"$work/before") + 1))" | head -n 20 | sed 's/^/kernel: /'
} >"$work/result"
health | told smart-after
still
finish poweroff <"$work/result"
