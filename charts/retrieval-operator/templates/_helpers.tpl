{{- define "retrieval-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "retrieval-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "retrieval-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "retrieval-operator.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "retrieval-operator.selector" -}}
app.kubernetes.io/name: {{ include "retrieval-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "retrieval-operator.labels" -}}
{{ include "retrieval-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: retrieval-service
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "retrieval-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "retrieval-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "retrieval-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Every setting becomes the variable of its name; null and "" leave it to the operator. */}}
{{- define "retrieval-operator.settings" -}}
{{- range $name, $value := .Values.operator }}
{{- if kindIs "slice" $value }}
{{- $value = join "," $value }}
{{- else if kindIs "map" $value }}
{{- $said := dict }}
{{- range $key, $one := $value }}
{{- if $one }}{{ $_ := set $said $key $one }}{{ end }}
{{- end }}
{{- $value = ternary (toJson $said) "" (gt (len $said) 0) }}
{{- end }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: RETRIEVAL_OPERATOR_{{ $name | snakecase | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Refuses an object that the cluster could not store. Takes (root, value's path, API). */}}
{{- define "retrieval-operator.require" -}}
{{- $root := index . 0 }}
{{- if not ($root.Capabilities.APIVersions.Has (index . 2)) }}
{{- fail (printf "%s is true, but the cluster does not serve %s: install what brings it first, or set the value to false (with helm template, add --api-versions %s)" (index . 1) (index . 2) (index . 2)) }}
{{- end }}
{{- end }}

{{- define "retrieval-operator.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "retrieval-operator.user" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* What the operator does in each namespace that it serves. */}}
{{- define "retrieval-operator.rules" -}}
- apiGroups: [retrieval.io]
  resources: [retrievalservices]
  verbs: [get, list, watch]
- apiGroups: [retrieval.io]
  resources: [retrievalservices/status]
  verbs: [patch]
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end }}
