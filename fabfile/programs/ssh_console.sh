# shellcheck shell=sh disable=SC2154
# How record.sh reads a console by the BMC's own SSH server. Given: address, port, user, password, key (the host key that it has
# to show), entry (the command that begins the console; empty: none). The password goes through a pipe, from which ssh's own
# question is answered.

console() {  # both ways, until it is ended; 77: it is not to be tried again
  rm -f password; mkfifo password || return 77
  printf '%s\n' "$password" >password &
  asked=$!
  printf '#!/bin/sh\ncat %s/password\n' "$PWD" >askpass; chmod 700 askpass
  case $port in 22) echo "$address $key" ;; *) echo "[$address]:$port $key" ;; esac >known
  SSH_ASKPASS=./askpass SSH_ASKPASS_REQUIRE=force ssh -F none -tt -e none -p "$port" -l "$user" \
    -o UserKnownHostsFile=known -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes -o PubkeyAuthentication=no \
    -o NumberOfPasswordPrompts=1 -o ConnectTimeout=10 -o ServerAliveInterval=15 "$address" ${entry:+"$entry"} 2>error
  kill "$asked" 2>/dev/null; rm -f password
  tr -d '\r' <error
  ! grep -q 'verification failed\|Permission denied\|host key is known' error || return 77
  return 1
}
