# shellcheck shell=sh disable=SC2154
# How record.sh reads a console by IPMI, behind ipmi.sh. Another session that holds it is sent away first: some BMCs keep one
# that nobody uses any more. Whoever may not read it as an operator is tried as an administrator.

console() {  # both ways, until it is ended; 77: it is not to be tried again
  for level in OPERATOR ADMINISTRATOR; do
    tool sol deactivate >/dev/null || :
    began=$(now)
    ipmitool -I lanplus -H "$address" -U "$user" -C "$suite" -L "$level" -N 5 -R 1 -e "$(printf '\036')" -f /dev/fd/3 \
      sol activate 2>error 3<<END
$password
END
    ! grep -q 'nsufficient privilege' error || continue
    grep -v 'PEN registry\|tcgetattr' error
    if grep -q 'Unable to establish' error && [ $(($(now) - began)) -lt 5 ]; then return 77; fi
    return 1
  done
  grep -v 'PEN registry\|tcgetattr' error
  return 77
}
