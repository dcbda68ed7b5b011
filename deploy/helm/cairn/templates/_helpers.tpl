{{- define "cairn.name" -}}
{{- if contains "cairn" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-cairn" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "cairn.selector" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cairn.labels" -}}
{{ include "cairn.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "cairn.image" -}}
{{ .repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "cairn.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "cairn.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* The environment of every pod, as a map: settings of one kind of pod come last, and replace the common ones. */}}
{{- define "cairn.env" -}}
{{- $values := .root.Values -}}
{{- $env := dict "CAIRN_QUEUE_PREFIX" $values.redis.prefix "CAIRN_DATA_DIR" "/data" "CAIRN_WEIGHTS_DIR" "/weights" "CAIRN_LOG_JSON" "true" "TMPDIR" "/scratch" -}}
{{- if eq $values.store.kind "s3" -}}
{{- $_ := set $env "CAIRN_STORE" $values.store.s3.url -}}
{{- $_ := set $env "CAIRN_S3_REGION" $values.store.s3.region -}}
{{- if $values.store.s3.endpoint }}{{ $_ := set $env "CAIRN_S3_ENDPOINT" $values.store.s3.endpoint }}{{ end -}}
{{- if $values.store.s3.publicEndpoint }}{{ $_ := set $env "CAIRN_S3_PUBLIC_ENDPOINT" $values.store.s3.publicEndpoint }}{{ end -}}
{{- if $values.store.s3.redirect }}{{ $_ := set $env "CAIRN_STORE_REDIRECT" "true" }}{{ end -}}
{{- end -}}
{{- range $name, $value := merge (dict) .own $values.env .fixed $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ $values.redis.secretName | quote }}, key: {{ $values.redis.secretKey | quote }} } }
{{- end }}

{{- define "cairn.envFrom" -}}
{{- if and (eq .Values.store.kind "s3") .Values.store.s3.secretName }}
envFrom:
  - secretRef: { name: {{ .Values.store.s3.secretName | quote }} }
{{- end }}
{{- end }}

{{- define "cairn.volumes" -}}
- name: scratch
  emptyDir: { sizeLimit: {{ .scratchSize }} }
- name: data
{{- if eq .root.Values.store.kind "volume" }}
  persistentVolumeClaim: { claimName: {{ .root.Values.store.volume.existingClaim | default (printf "%s-data" (include "cairn.name" .root)) }} }
{{- else }}
  emptyDir: { sizeLimit: {{ .scratchSize }} }
{{- end }}
- name: weights
{{- if .root.Values.weights.existingClaim }}
  persistentVolumeClaim: { claimName: {{ .root.Values.weights.existingClaim }}, readOnly: true }
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "cairn.mounts" -}}
- { name: data, mountPath: /data }
- { name: weights, mountPath: /weights, readOnly: true }
- { name: scratch, mountPath: /scratch }
{{- end }}

{{- define "cairn.validate" -}}
{{- if and (not .Values.auth.secretName) (not .Values.auth.disabled) }}{{ fail "auth.secretName is empty: name a secret with API keys, or set auth.disabled to serve everybody" }}{{ end -}}
{{- if and .Values.auth.secretName .Values.auth.disabled }}{{ fail "auth.disabled and auth.secretName exclude each other" }}{{ end -}}
{{- end }}
