{{- /* one NetworkPolicy: {root, component, policy, reaches: [{component, ports}], admits: [{label, ports}]} */ -}}
{{- define "lab-hub.networkPolicy" -}}
{{- $policy := .policy -}}
{{- $allow := $policy.egressAllowRules -}}
{{- $metadata := printf "%s/32" .root.Values.singleuser.cloudMetadata.ip -}}
{{- $private := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" -}}
{{- $dns := list (dict "protocol" "UDP" "port" 53) (dict "protocol" "TCP" "port" 53) -}}
{{- $blocks := list }}{{ range $private }}{{ $blocks = append $blocks (dict "ipBlock" (dict "cidr" .)) }}{{ end -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels: {{- include "lab-hub.labels" (dict "root" .root "component" .component) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "lab-hub.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- with $policy.allowedIngressPorts }}
    - ports: {{ $ports := list }}{{ range . }}{{ $ports = append $ports (dict "port" .) }}{{ end }}{{ toJson $ports }}
    {{- end }}
    {{- range .admits }}
    {{- $label := dict "matchLabels" (dict (print "hub.jupyter.org/network-access-" .label) "true") }}
    - from:
        {{- if eq $policy.interNamespaceAccessLabels "accept" }}
        - {podSelector: {{ toJson $label }}, namespaceSelector: {}}
        - {namespaceSelector: {{ toJson $label }}}
        {{- else }}
        - {podSelector: {{ toJson $label }}}
        {{- end }}
      ports: {{ toJson .ports }}
    {{- end }}
    {{- with $policy.ingress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  egress:
    {{- range .reaches }}
    - to:
        - podSelector:
            matchLabels: {{- include "lab-hub.selector" (dict "root" $.root "component" .component) | nindent 14 }}
      ports: {{ toJson .ports }}
    {{- end }}
    {{- if $allow.dnsPortsKubeSystemNamespace }}
    - {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: {{ toJson $dns }}}
    {{- end }}
    {{- if $allow.dnsPortsPrivateIPs }}
    - {to: {{ toJson $blocks }}, ports: {{ toJson $dns }}}
    {{- end }}
    {{- if $allow.dnsPortsCloudMetadataServer }}
    - {to: [{ipBlock: {cidr: {{ $metadata }}}}], ports: {{ toJson $dns }}}
    {{- end }}
    {{- if $allow.nonPrivateIPs }}
    - {to: [{ipBlock: {cidr: 0.0.0.0/0, except: {{ toJson (append $private $metadata) }}}}]}
    {{- end }}
    {{- if $allow.privateIPs }}
    - {to: {{ toJson $blocks }}}
    {{- end }}
    {{- if $allow.cloudMetadataServer }}
    - {to: [{ipBlock: {cidr: {{ $metadata }}}}]}
    {{- end }}
    {{- with $policy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
