{{- /* every image that a user's server may need, once each, as JSON: [{"image": "name:tag", "policy": ""}] */ -}}
{{- define "lab-hub.images" -}}
{{- $user := .Values.singleuser -}}
{{- $all := list -}}
{{- if $user.cloudMetadata.blockWithIptables }}{{ $all = append $all (dict "image" (printf "%s:%s" $user.networkTools.image.name $user.networkTools.image.tag) "policy" "") }}{{ end -}}
{{- $all = append $all (dict "image" (printf "%s:%s" $user.image.name $user.image.tag) "policy" ($user.image.pullPolicy | default "")) -}}
{{- range concat $user.initContainers $user.extraContainers }}{{ $all = append $all (dict "image" .image "policy" (.imagePullPolicy | default "")) }}{{ end -}}
{{- if .Values.prePuller.pullProfileListImages -}}
{{- range $user.profileList -}}
{{- with dig "kubespawner_override" "image" "" . }}{{ $all = append $all (dict "image" . "policy" "") }}{{ end -}}
{{- range dig "profile_options" dict . }}{{ range dig "choices" dict . }}
{{- with dig "kubespawner_override" "image" "" . }}{{ $all = append $all (dict "image" . "policy" "") }}{{ end -}}
{{- end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $name, $image := .Values.prePuller.extraImages }}{{ $all = append $all (dict "image" (printf "%s:%s" $image.name $image.tag) "policy" ($image.pullPolicy | default "")) }}{{ end -}}
{{- uniq $all | toJson -}}
{{- end }}

{{- /* a DaemonSet whose pods pull every image, one init container each, and then do nothing: {root, name, hook} */ -}}
{{- define "lab-hub.puller" -}}
{{- $puller := .root.Values.prePuller -}}
{{- $labels := dict "root" .root "component" .name -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ .name }}
  labels: {{- include "lab-hub.labels" $labels | nindent 4 }}
  {{- if .hook }}
  {{- include "lab-hub.hook" "-10" }}
  {{- end }}
spec:
  selector:
    matchLabels: {{- include "lab-hub.selector" $labels | nindent 6 }}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 100%}}
  template:
    metadata:
      labels:
        {{- include "lab-hub.selector" $labels | nindent 8 }}
        {{- with $puller.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $puller.annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      {{- include "lab-hub.placement" (dict "kind" "user" "purpose" .root.Values.scheduling.userPods "nodeSelector" .root.Values.singleuser.nodeSelector "tolerations" (concat .root.Values.singleuser.extraTolerations $puller.extraTolerations)) | nindent 6 }}
      {{- with include "lab-hub.pullSecrets" (dict "root" .root "image" .root.Values.singleuser.image) }}
      {{- . | nindent 6 }}
      {{- end }}
      initContainers:
        {{- range $at, $image := include "lab-hub.images" .root | fromJsonArray }}
        - name: pull-{{ $at }}
          image: {{ $image.image }}
          {{- with $image.policy }}
          imagePullPolicy: {{ . }}
          {{- end }}
          command: [/bin/sh, -c, echo pulled]
          securityContext: {{- toYaml $puller.containerSecurityContext | nindent 12 }}
          {{- with $puller.resources }}
          resources: {{- toYaml . | nindent 12 }}
          {{- end }}
        {{- end }}
      containers:
        - name: pause
          {{- include "lab-hub.image" $puller.pause.image | nindent 10 }}
          securityContext: {{- toYaml $puller.pause.containerSecurityContext | nindent 12 }}
          {{- with $puller.resources }}
          resources: {{- toYaml . | nindent 12 }}
          {{- end }}
{{- end }}

{{- /* what comes before an install or an upgrade, in the order of the weights, and is gone after it */ -}}
{{- define "lab-hub.hook" }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-weight: {{ . | quote }}
{{- end }}
