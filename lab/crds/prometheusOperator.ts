import type { CrdSet } from './crds.ts';
import { type CrdOptions, moduleCrds } from './goModule.ts';

/** Returns the CRDs that prometheus-operator itself ships: ServiceMonitor, PrometheusRule and others. */
export function prometheusOperatorCrds(options: CrdOptions = {}): Promise<CrdSet> {
  const goModule = 'github.com/prometheus-operator/prometheus-operator';
  return moduleCrds({ name: 'prometheus-operator-crds', goModule, folder: 'example/prometheus-operator-crd' }, options);
}
