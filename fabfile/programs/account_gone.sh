# shellcheck shell=sh disable=SC2086,SC2154
# An operator's account goes, and keeps nothing that lets somebody in. Given: user, group (of all operators), files (others that
# are removed with it). The membership goes last but for the account: what was cut short before it is done again.

line="^[[:space:]]*${user}[[:space:]]"
for file in /etc/sudoers.d/*; do
  if [ ! -f "$file" ] || ! grep -qE "$line" "$file"; then continue; fi
  new=$(grep -vE "$line" "$file") || :
  if [ -n "$new" ]; then printf '%s\n' "$new" | tee "$file" >/dev/null; else rm -f -- "$file"; fi
done
[ -z "$files" ] || rm -f -- $files
home=$(getent passwd -- "$user" | cut -d : -f 6)
[ -z "$home" ] || rm -f -- "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2" "$home/.kube/config"
! command -v loginctl >/dev/null || loginctl disable-linger "$user" 2>/dev/null || :
! command -v crontab >/dev/null || crontab -u "$user" -r 2>/dev/null || :
! command -v atrm >/dev/null || su -s /bin/sh -c 'atq | cut -f 1 | xargs -r atrm' "$user" 2>/dev/null || :
pkill -KILL -u "$user" 2>/dev/null || :
if grep -q "^$user:" /etc/passwd; then
  case $home in
  /|/root|'') ;;
  *) if [ -d "$home" ]; then
      umask 077; mkdir -p /var/lib/coop/former/homes
      kept=/var/lib/coop/former/homes/$user; [ ! -e "$kept" ] || kept=$kept.$(date +%s)
      if mv -T -- "$home" "$kept" 2>/dev/null; then chown -R root: "$kept"; chmod 700 "$kept"
      else echo "note: $user's files stay in $home" # a file system of its own
      fi
    fi ;;
  esac
  try=0
  until pkill -KILL -u "$user" 2>/dev/null; said=$(userdel -- "$user" 2>&1); ! grep -q "^$user:" /etc/passwd; do
    try=$((try + 1)); [ $try -lt 5 ] || { printf '%s\n' "$said" >&2; exit 1; }
    sleep 1
  done
else
  gpasswd --delete "$user" "$group" >/dev/null 2>&1 || :
  echo "note: $user's account is of a directory service: it is no operator here any more, and whether it may log in is said there"
fi
