# shellcheck shell=sh
# Which updates there are for this machine's packages, by lists that are fetched into a folder of their own: a line each, as
# `apt-get -s upgrade` has it behind "Inst". Those on hold are not among them. Or "failed", and why.

lists=$(mktemp -d /var/tmp/coop-lists.XXXXXX)
trap 'rm -rf "$lists"' EXIT
mkdir "$lists/partial"; chmod 755 "$lists"
apt() {
  LC_ALL=C.UTF-8 apt-get -q -o "Dir::State::Lists=$lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Acquire::Retries=3 -o Debug::NoLocking=1 "$@"
}
if said=$(apt -o APT::Update::Error-Mode=any update 2>&1) && said=$(apt -s --with-new-pkgs upgrade 2>&1)
then printf '%s\n' "$said" | sed -n 's/^Inst //p'
else echo "failed $(printf '%s\n' "$said" | tail -n 1)"
fi
