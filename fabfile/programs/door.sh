# shellcheck shell=sh disable=SC2154
# An sshd in the environment in RAM, with a host key that is made now and reported; operators get in as root, by their keys.
# Comes behind guard.sh and job.sh. Given: order, keys (lines), home (/root), run (/run/coop), console
# (/dev/console), sshd (its path).

mkdir -p "$home/.ssh" "$run" /run/sshd
printf '%s\n' "$keys" >"$home/.ssh/authorized_keys"
chmod 700 "$home/.ssh"; chmod 600 "$home/.ssh/authorized_keys"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$run/host_key" || fail "ssh-keygen makes no key"
"$sshd" -f /etc/coop/sshd_config -h "$run/host_key" -E "$run/sshd.log" || fail "sshd does not start: $(tail -n 1 "$run/sshd.log")"
cut -d ' ' -f 1,2 "$run/host_key.pub" >"$work/door"
echo "COOP HOSTKEY $order $(cat "$work/door")" >"$console" || :
told hostkey <"$work/door"
