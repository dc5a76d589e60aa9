# shellcheck shell=sh
# Ends well, and at once, where there is no pod network yet: the step that brings it asks again.

network=$(kubectl -n kube-system get daemonset calico-node --ignore-not-found -o name) || exit 1
[ -n "$network" ] || exit 0
