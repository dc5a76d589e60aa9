# shellcheck shell=sh disable=SC2154
# The updates of a machine's packages; whether it has to be started again afterwards is marked before the first is
# installed. Behind apt.sh and modules_built.sh. Given: names (packages, by spaces), only ("yes": these and what they
# need, else all that is not on hold), mark (a file) and reboots ("yes": mark it).

[ "$reboots" != yes ] || { mkdir -p "${mark%/*}"; : >"$mark"; sync -- "$mark"; }
dpkg --configure -a --force-confdef --force-confold
apt --fix-broken install
fetch_lists
if [ "$only" = yes ]; then
  # shellcheck disable=SC2086  # names
  auto=$(apt-mark showauto $names)
  # shellcheck disable=SC2086
  apt --only-upgrade install $names
  # shellcheck disable=SC2086
  [ -z "$auto" ] || apt-mark auto $auto >/dev/null
else apt --with-new-pkgs upgrade
fi
apt clean
lacks=$(unbuilt)
[ -z "$lacks" ] || { printf '%s\n' "$lacks" >&2; exit 1; }
