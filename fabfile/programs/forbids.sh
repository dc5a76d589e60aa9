# shellcheck shell=sh
# What this machine's sshd has against forwarding, a line each: "/etc/ssh/sshd_config:12 AllowTcpForwarding no". Read-only.

PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
now=
if settings=$(sshd -T 2>/dev/null); then
  now=$(printf '%s\n' "$settings" | grep -iE '^(allowtcpforwarding (no|remote)|disableforwarding yes|permitopen ([^a]|a[^n]|an[^y]))') || exit 0
fi
where=$(grep -inE '^[[:space:]]*(AllowTcpForwarding[[:space:]]+(no|remote)|DisableForwarding[[:space:]]+yes|PermitOpen[[:space:]])' /dev/null \
  /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null | sed 's/^\([^:]*:[0-9]*\):[[:space:]]*/\1 /')
[ -z "$where$now" ] || printf '%s\n' "${where:-$now}"
