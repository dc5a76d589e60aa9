{{- /*
A secret is what the values give; else what the cluster's Secret already holds; else drawn at random. On a fresh install
without given secrets each use generates new ones, so that checksum and Secret differ, and the next upgrade restarts hub and
proxy once though nothing changed. It is so in the jupyterhub chart too: give the secrets.
*/ -}}
{{- define "lab-hub.secret" -}}
{{- $held := dig "data" dict (lookup "v1" "Secret" .root.Release.Namespace "hub") -}}
{{- if .given }}{{ .given }}{{ else if hasKey $held .key }}{{ index $held .key | b64dec }}{{ else }}{{ randAlphaNum 64 | sha256sum }}{{ end -}}
{{- end }}

{{- define "lab-hub.secret.proxy" -}}
{{- $given := coalesce (dig "ConfigurableHTTPProxy" "auth_token" "" .Values.hub.config) .Values.proxy.secretToken "" -}}
{{- include "lab-hub.secret" (dict "root" . "given" $given "key" "hub.config.ConfigurableHTTPProxy.auth_token") -}}
{{- end }}

{{- define "lab-hub.secret.cookie" -}}
{{- $given := coalesce (dig "JupyterHub" "cookie_secret" "" .Values.hub.config) .Values.hub.cookieSecret "" -}}
{{- include "lab-hub.secret" (dict "root" . "given" $given "key" "hub.config.JupyterHub.cookie_secret") -}}
{{- end }}

{{- define "lab-hub.secret.crypt" -}}
{{- $given := dig "CryptKeeper" "keys" list .Values.hub.config | join ";" -}}
{{- include "lab-hub.secret" (dict "root" . "given" $given "key" "hub.config.CryptKeeper.keys") -}}
{{- end }}
