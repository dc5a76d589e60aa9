# shellcheck shell=sh disable=SC2154
# A static pod recreated by kubeadm, the arguments; the previous manifest comes back when it does not come up.
# Given: name (what the container's process is called), manifest, problem (what to say when it does not come up), and
# the functions healthy and put_back.
#
# `up` is true when another process than before runs, is healthy, and still is some seconds later; it waits no longer
# for one that has ended three times.

before=" $(pidof "$name" || :) " former=$(cksum <"$manifest") pods=$(crictl pods -q --name "$name")
crashed() {
  crictl ps -a --latest --name "^$name$" -o yaml | awk -v pods="$pods" '
    $1 == "attempt:" { attempt = $2 } $1 == "podSandboxId:" { pod = $2 } $1 == "state:" { state = $2 }
    END { exit !(pod && !index(pods, pod) && attempt > 1 && state == "CONTAINER_EXITED") }'
}
newer() { for p in $(pidof "$name"); do case $before in *" $p "*) ;; *) echo "$p"; return 0 ;; esac; done; return 1; }
up() {
  until p=$(newer) && healthy && sleep 3 && [ -e "/proc/$p" ] && healthy; do
    [ "$(cut -d . -f 1 /proc/uptime)" -lt "$1" ] && ! crashed || return 1
    sleep 0.5
  done
}
in_seconds() { echo $(($(cut -d . -f 1 /proc/uptime) + $1)); }
"$@"
[ "$(cksum <"$manifest")" != "$former" ] || {
  echo "kubeadm has written the manifest as it was before: does a patch of its set the same?" >&2; exit 1; }
up "$(in_seconds 150)" && exit 0
{ echo "$problem"; crictl ps -a --name "^$name$" -q | head -n 1 | xargs -r crictl logs --tail 8; } >&2 2>&1 || :
put_back
before=" $(pidof "$name" || :) " pods=$(crictl pods -q --name "$name")
up "$(in_seconds 120)" || healthy || echo "it is not healthy with the previous manifest either" >&2
echo "the previous manifest is back" >&2
exit 1
