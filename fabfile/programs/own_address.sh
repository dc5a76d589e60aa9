# shellcheck shell=sh
# The API's own address leaves this control plane before etcd and the API server restart, and may return afterwards: a
# client that asked meanwhile would wait for an answer from an address that has moved on. Nothing is done where nobody
# has enabled it.

own_address() { # stop or start
  ! systemctl is-enabled coop-endpoint >/dev/null 2>&1 || systemctl "$1" coop-endpoint
}
