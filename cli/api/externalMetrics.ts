import { z } from 'zod';
import type { KubernetesPipeline } from '#cli/connection/connection.ts';
import { externalMetricOf, type RecordedSeries } from '#contract/scaling.ts';

const listSchema = z.object({ items: z.array(z.object({ value: z.string() })) });

/**
 * Reads one recorded series of a pipeline through the metrics API that its HPA uses. Returns undefined if the API has
 * no value: an HPA then keeps the number of replicas. Throws the API server's error when no program serves the API.
 */
export async function readExternalMetric(
  { ref, request }: KubernetesPipeline,
  series: RecordedSeries,
  signal: AbortSignal,
): Promise<number | undefined> {
  const answer = await request({
    method: 'GET',
    path: `/apis/external.metrics.k8s.io/v1beta1/namespaces/${ref.namespace}/${externalMetricOf(series)}`,
    query: { labelSelector: `pipeline=${ref.name}` },
    signal,
  });
  const [item] = listSchema.parse(answer).items;
  return item === undefined ? undefined : parseQuantity(item.value);
}

/** Suffixes of Kubernetes quantities, in order. Each means 1000 times the suffix before it. */
const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Parses a quantity of the metrics APIs, such as `830m` or `52k`. Returns undefined for any other text. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)([numkMGTPE]?)$/.exec(text);
  if (match === null) return undefined;
  const [, digits, suffix = ''] = match;
  const power = suffixes.indexOf(suffix) - suffixes.indexOf('');
  // Divide by 1000 instead of multiplying by 0.001: a multiplication may round, and 830m must be 0.83.
  return power < 0 ? Number(digits) / 1000 ** -power : Number(digits) * 1000 ** power;
}
