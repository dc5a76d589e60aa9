# shellcheck shell=sh disable=SC2154
# What each home takes, without a walk through it. Given: dataset. Lines "home INODE NAMESPACE/HOME", then "used INODE BYTES QUOTA FILES".

find "/$dataset" -mindepth 2 -maxdepth 2 -type d ! -path "/$dataset/.*" -printf 'home %i %P\n'
zfs projectspace -Hp -o name,used,quota,objused "$dataset" | awk -F '\t' '
  function number(text) { return text ~ /^[0-9]+$/ ? text : 0 } { print "used", $1, number($2), number($3), number($4) }'
