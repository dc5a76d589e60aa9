# shellcheck shell=sh disable=SC2154
# The packages that former_packages.sh has kept are installed again. Given: folder. Behind apt.sh.

found=no
for file in "$folder"/*.deb; do [ ! -e "$file" ] || found=yes; done
if [ "$found" = yes ]; then
  dpkg --force-downgrade --force-confdef --force-confold -i "$folder"/*.deb && systemctl daemon-reload
  echo "installed again: $(cd "$folder" && echo ./*.deb)"
else echo 'no former package could be fetched: the new ones stay'
fi
