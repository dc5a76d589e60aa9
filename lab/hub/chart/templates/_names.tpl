{{- /* What every object carries, and who owns the certificate. */ -}}

{{- define "lab-hub.labels" -}}
app: jupyterhub
app.kubernetes.io/name: jupyterhub
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
release: {{ .root.Release.Name }}
component: {{ .component }}
{{- end }}

{{- /* labels by which a pod is found: they hold no version, so that an upgrade of the chart restarts nothing by itself */ -}}
{{- define "lab-hub.selector" -}}
app: jupyterhub
component: {{ .component }}
release: {{ .root.Release.Name }}
{{- end }}

{{- /* letsencrypt, manual, offload, secret, or nothing: exactly one owner */ -}}
{{- define "lab-hub.https" -}}
{{- with .Values.proxy.https }}{{ if .enabled }}
{{- if eq .type "letsencrypt" }}
{{- if not .hosts }}{{ fail "proxy.https.hosts names nothing: letsencrypt needs the public name" }}{{ end }}
{{- if not .letsencrypt.contactEmail }}{{ fail "proxy.https.letsencrypt.contactEmail is missing" }}{{ end }}
{{- else if and (eq .type "secret") (not .secret.name) }}{{ fail "proxy.https.secret.name is missing" }}
{{- else if and (eq .type "manual") (not (and .manual.key .manual.cert)) }}{{ fail "proxy.https.manual needs key and cert" }}
{{- end }}{{ .type }}{{ end }}{{ end }}
{{- end }}

{{- /* the Secret with the certificate that the proxy itself shows, for manual and secret: {secret, key, crt} or {} */ -}}
{{- define "lab-hub.certificate" -}}
{{- $https := include "lab-hub.https" . -}}
{{- if eq $https "manual" }}{{ dict "secret" "proxy-public-manual-tls" "key" "tls.key" "crt" "tls.crt" | toJson }}
{{- else if eq $https "secret" }}{{ with .Values.proxy.https.secret }}{{ dict "secret" .name "key" .key "crt" .crt | toJson }}{{ end }}
{{- else }}{}{{ end }}
{{- end }}

{{- define "lab-hub.image" -}}
image: {{ .name }}:{{ .tag }}
{{- with .pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{- define "lab-hub.pullSecrets" -}}
{{- $secrets := list -}}
{{- with .root.Values.imagePullSecret }}{{ if and .create .automaticReferenceInjection }}{{ $secrets = append $secrets (dict "name" "image-pull-secret") }}{{ end }}{{ end -}}
{{- range concat (.root.Values.imagePullSecrets | default list) (.image.pullSecrets | default list) }}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) }}{{ end -}}
{{- with $secrets }}imagePullSecrets: {{ toJson . }}{{ end }}
{{- end }}

{{- /* extraFiles, as a Secret's data has them */ -}}
{{- define "lab-hub.files" -}}
{{- range $name, $file := . }}
{{- if $file.stringData }}
{{ $name | quote }}: {{ $file.stringData | b64enc }}
{{- else if $file.binaryData }}
{{ $name | quote }}: {{ $file.binaryData | replace "\n" "" }}
{{- else if hasSuffix ".json" $file.mountPath }}
{{ $name | quote }}: {{ toJson $file.data | b64enc }}
{{- else }}
{{ $name | quote }}: {{ toYaml $file.data | b64enc }}
{{- end }}
{{- end }}
{{- end }}

{{- /* environment as a list, from a list or from {NAME: text} or {NAME: {valueFrom: …}} */ -}}
{{- define "lab-hub.environment" -}}
{{- if kindIs "slice" . }}{{ toYaml . }}{{ else }}
{{- range $name, $value := . }}
- name: {{ $name | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end }}{{ end }}
{{- end }}

{{- /* nodes that a kind of pod (core or user) wants or must have, and the taints it bears */ -}}
{{- define "lab-hub.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with concat .purpose.tolerations (.tolerations | default list) }}
tolerations: {{ toJson . }}
{{- end }}
{{- $term := dict "matchExpressions" (list (dict "key" "hub.jupyter.org/node-purpose" "operator" "In" "values" (list .kind))) }}
{{- if eq .purpose.nodeAffinity.matchNodePurpose "prefer" }}
affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {{ toJson $term }}}]}}
{{- else if eq .purpose.nodeAffinity.matchNodePurpose "require" }}
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{{ toJson $term }}]}}}
{{- end }}
{{- end }}
