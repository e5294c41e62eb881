import { findCondition } from './health.ts';
import type { LiveApiService } from './objects.ts';

/**
 * State of a metrics API. `by` names the Service that serves it, or the API server. State `unknown` means that the
 * operator has no permission to read APIServices.
 */
export type MetricsApi =
  | { readonly state: 'unknown' }
  | { readonly state: 'absent' }
  | { readonly state: 'served'; readonly by: string }
  | { readonly state: 'unavailable'; readonly by: string; readonly message: string };

export interface MetricsApis {
  /** `external.metrics.k8s.io`: an HPA reads lag here. */
  readonly external: MetricsApi;
  /** `metrics.k8s.io`: an HPA reads CPU here. */
  readonly resource: MetricsApi;
}

export const metricsApiServices = {
  external: 'v1beta1.external.metrics.k8s.io',
  resource: 'v1beta1.metrics.k8s.io',
} as const;

interface ApiServiceReader {
  readonly availability: string;
  readonly store: { get(name: { readonly name: string }): LiveApiService | undefined };
}

/**
 * Reads the state of both metrics APIs. An APIService belongs to the whole cluster, so the operator does not make
 * APIServices.
 */
export function observeMetricsApis(reader: ApiServiceReader): MetricsApis {
  const observe = (name: string): MetricsApi => {
    if (reader.availability !== 'synced') return { state: 'unknown' };
    const found = reader.store.get({ name });
    if (found === undefined) return { state: 'absent' };
    const { namespace, name: service } = found.spec?.service ?? {};
    const by = service === undefined ? 'the API server' : `${namespace}/${service}`;
    const available = findCondition(found.status?.conditions, 'Available');
    if (available?.status === 'True') return { state: 'served', by };
    return { state: 'unavailable', by, message: available?.reason ?? 'its availability has not been checked yet' };
  };
  return { external: observe(metricsApiServices.external), resource: observe(metricsApiServices.resource) };
}
