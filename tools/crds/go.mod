// A module for one thing: its CRDs lie beside its code, and go.sum pins both.
module sumpipeline.dev/tools/crds

go 1.26

require github.com/prometheus-operator/prometheus-operator v0.93.0
