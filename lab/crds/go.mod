// Modules for one thing each: their CRDs lie beside their code, and go.sum pins both.
module sumpipeline.dev/tools/crds

go 1.26

require (
	github.com/cloudnative-pg/cloudnative-pg v1.30.0
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.93.0
)
