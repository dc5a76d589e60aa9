# shellcheck shell=sh
# How the cluster is, five answers, each behind a line "#NAME". Whatever the API server does not tell leaves its answer
# empty. Behind nodes.sh.

kubectl() { command kubectl --request-timeout=10s "$@" 2>/dev/null; }
echo '#ready'; kubectl get --raw /readyz
echo; echo '#nodes'; kubectl get nodes -o json
echo; echo '#pods'; kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.namespace} '\
'{.metadata.name} {.spec.nodeName} {.status.phase} '\
'{range .status.containerStatuses[*]}{.ready},{end} '\
'{range .status.containerStatuses[*]}{.state.waiting.reason}{end} {.status.reason}{"\n"}{end}'
echo; echo '#sessions'
for speaker in $(speakers); do (
  echo "${speaker%%=*} $(sessions "${speaker#*=}")"
) & done; wait
echo; echo '#certificates'; kubeadm certs check-expiration -o json 2>/dev/null
:
