# shellcheck shell=sh disable=SC2016,SC2154
# A folder of objects, applied. An object of a kind that the same folder defines is refused until the server serves the
# kind; one that a webhook looks at, until the pod behind it is back, as after a reboot or when a line was cut, or until
# that pod reaches the API server again, as after that one's restart. Where a node is away, that pod may stand on it, and
# comes back elsewhere only after minutes: then it is told soon. Given: kubeconfig, folder.

k() { kubectl --kubeconfig "$kubeconfig" "$@"; }
now() { cut -d . -f 1 /proc/uptime; }
not_ready='{{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}{{if and (eq .type "Ready") '\
'(ne .status "True")}}{{$name}} {{end}}{{end}}{{end}}'

crds='' asked='' away='' until=$(($(now) + 120))
until said=$(k apply --server-side --force-conflicts --field-manager=coop -k "$folder" 2>&1); do
  printf '%s\n' "$said"
  case $said in
  *'failed calling webhook'*|*'admission webhook'*'connection refused'*)
    [ -n "$asked" ] || {
      asked=yes; away=$(k --request-timeout=10s get nodes -o "go-template=$not_ready") || away=
      [ -z "$away" ] || until=$(($(now) + 20)); }
    [ "$(now)" -lt $until ] || {
      [ -z "$away" ] || echo "${away% } is not Ready, and the pod behind the webhook may" \
        "stand there: it starts elsewhere after some minutes, or at once by inv node.remove ${away%% *} --dead"
      exit 1; }
    sleep 2 ;;
  *'no matches for kind'*)
    [ -z "$crds" ] || exit 1
    crds=waited; k wait --for=condition=Established crd --all --timeout=60s ;;
  *) exit 1 ;;
  esac
done
printf '%s\n' "$said"
