# shellcheck shell=sh disable=SC2154
# Images are fetched by the runtime, as kubelet would have it fetch them. One that cannot be is left to kubelet, which tries again
# and may have a password for it. Given: socket (of the CRI), images (names, by blanks and newlines).

# shellcheck disable=SC2086
for image in $(printf '%s\n' $images | sort -u); do
  echo "pulling $image"
  said=$(crictl --runtime-endpoint "$socket" pull "$image" 2>&1) || echo "$said" | tail -n 1
done
