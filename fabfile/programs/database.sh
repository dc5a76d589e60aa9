# shellcheck shell=sh disable=SC2086,SC2154
# Runs database.py on the gateway. Given: kubeconfig, database, inside (the programs), about (the settings), words.

export KUBECONFIG="$kubeconfig"
umask 077; mkdir -p /run/coop; work=$(mktemp -d /run/coop/database.XXXXXX); trap 'rm -rf "$work"' EXIT
printf %s "$database" >"$work/database.py"; printf %s "$inside" >"$work/inside.py"
python3 "$work/database.py" "$about" $words
