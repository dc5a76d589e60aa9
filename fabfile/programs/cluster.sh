# shellcheck shell=sh disable=SC2016
# How the cluster is, answers behind a line "#NAME" each. Whatever the API server does not tell leaves its answer
# empty. Behind nodes.sh.

kubectl() { command kubectl --request-timeout=8s "$@" 2>/dev/null; }
echo '#ready'; ready=$(kubectl get --raw /readyz); echo "$ready"
[ "$ready" = ok ] || kubectl() { return 1; }  # one that does not answer is not waited for six times
echo; echo '#nodes'; kubectl get nodes -o json
echo; echo '#pods'; kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.namespace} '\
'{.metadata.name} {.spec.nodeName} {.status.phase} '\
'{range .status.containerStatuses[*]}{.ready},{end} '\
'{range .status.containerStatuses[*]}{.state.waiting.reason}{end} {.status.reason} {.metadata.deletionTimestamp} '\
'{.metadata.creationTimestamp} {range .status.containerStatuses[*]}{.restartCount},{end} '\
'{.status.conditions[?(@.type=="Ready")].lastTransitionTime} {.status.conditions[?(@.type=="PodScheduled")].reason}{"\n"}{end}'
echo; echo '#certificates'; kubeadm certs check-expiration -o json 2>/dev/null
# all kinds by one call, a line an object: KIND, NAMESPACE or "-", NAME, and what matters of it
of_kind() { printf '{{if eq .kind "%s"}}%s{{end}}' "$1" "$2"; }
noted() { printf '{{with .metadata.annotations}}{{or (index . "%s") "-"}}{{else}}-{{end}}' "$1"; }
echo; echo '#objects'
kubectl get services,endpointslices,daemonsets,deployments,persistentvolumeclaims,storageclasses,namespaces,apiservices,leases,\
validatingwebhookconfigurations,mutatingwebhookconfigurations -A -o "go-template={{range .items}}{{\$n := .metadata.name}}\
{{.kind}} {{or .metadata.namespace \"-\"}} {{\$n}} $(
of_kind Service '{{.spec.type}} {{.spec.clusterIP}} {{with .status.loadBalancer.ingress}}{{range .}}{{.ip}},{{end}}{{else}}-{{end}} '"$(
  noted metallb.io/loadBalancerIPs)"' {{or .spec.loadBalancerIP "-"}}'
of_kind EndpointSlice '{{with .metadata.labels}}{{or (index . "kubernetes.io/service-name") "-"}}{{else}}-{{end}} '\
'{{range .endpoints}}{{if .conditions.ready}}{{len .addresses}},{{end}}{{end}}'
of_kind DaemonSet '{{or .status.desiredNumberScheduled 0}} {{or .status.numberReady 0}}'
of_kind Deployment '{{or .spec.replicas 0}} {{or .status.readyReplicas 0}}'
of_kind PersistentVolumeClaim '{{.status.phase}} {{or .spec.storageClassName "-"}} {{.metadata.creationTimestamp}}'
of_kind StorageClass "$(noted storageclass.kubernetes.io/is-default-class)"
of_kind Namespace '{{.status.phase}} {{or .metadata.deletionTimestamp "-"}}'
of_kind APIService '{{range .status.conditions}}{{if eq .type "Available"}}{{.status}} {{.reason}} {{.lastTransitionTime}}{{end}}{{end}}'
of_kind Lease '{{.spec.renewTime}}'
for kind in Validating Mutating; do of_kind ${kind}WebhookConfiguration '{{range .webhooks}}{{if eq .failurePolicy "Fail"}}'\
'{{with .clientConfig.service}}{{.namespace}}/{{.name}} {{end}}{{end}}{{end}}'; done
){{\"\\n\"}}{{end}}"
echo; echo '#pools'; kubectl get ippools.crd.projectcalico.org -o 'go-template={{range .items}}{{.metadata.name}} {{.spec.cidr}} '\
'{{or .spec.ipipMode "Never"}} {{or .spec.vxlanMode "Never"}} {{range .spec.allowedUses}}{{.}},{{end}}{{"\n"}}{{end}}'
echo; echo '#ca'; kubectl -n kube-public get configmap cluster-info -o 'jsonpath={.data.kubeconfig}' |
  sed -n 's/^ *certificate-authority-data: //p' | base64 -d 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null |
  cut -d = -f 2 | tr -d :
echo; echo '#corefile'; kubectl -n kube-system get configmap coredns -o 'jsonpath={.data.Corefile}'
# last, as it takes longest: what is cut short is this; a node that is not Ready is not waited for
echo; echo '#sessions'; up=" $(ready | tr '\n' ' ')"
for speaker in $(speakers); do
  case $up in *" ${speaker%%=*} "*) ;; *) continue ;; esac
  ( echo "${speaker%%=*} $(sessions "${speaker#*=}" 6 | sed 's/silent/0/')" ) & eight_at_a_time
done; wait
:
