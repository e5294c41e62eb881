import { z } from 'zod';
import { readExternalMetric } from '#cli/api/externalMetrics.ts';
import type { KubernetesPipeline } from '#cli/connection/connection.ts';
import { recordedSeries } from '#contract/scaling.ts';

/**
 * The recorded numbers from which the desired number of aggregators is computed. A number that is not known is
 * absent.
 */
export interface ScalingNumbers {
  readonly mode: string;
  readonly drainSeconds: number;
  readonly desired?: number | undefined;
  readonly computed?: number | undefined;
  readonly lag?: number | undefined;
  readonly incoming?: number | undefined;
  readonly forLag?: number | undefined;
  readonly forIncoming?: number | undefined;
  readonly capacity?: number | undefined;
  readonly partitions?: number | undefined;
  readonly ineffective?: number | undefined;
  /** Why the numbers could not be read. */
  readonly problem?: string;
}

const resourceSchema = z.object({
  spec: z.object({
    aggregator: z
      .object({ autoscaling: z.object({ mode: z.string(), drainSeconds: z.number() }).optional() })
      .optional(),
  }),
});

const wanted = {
  desired: recordedSeries.desired,
  computed: recordedSeries.computed,
  lag: recordedSeries.lag,
  incoming: recordedSeries.incoming,
  forLag: recordedSeries.replicasForLag,
  forIncoming: recordedSeries.replicasForIncoming,
  capacity: recordedSeries.capacity,
  partitions: recordedSeries.partitions,
  ineffective: recordedSeries.ineffective,
} as const;

/** Reads the numbers behind autoscaling. Undefined when the aggregators do not scale. */
export async function readScaling(
  pipeline: KubernetesPipeline,
  signal: AbortSignal,
): Promise<ScalingNumbers | undefined> {
  const parsed = resourceSchema.safeParse(pipeline.resource);
  const autoscaling = parsed.success ? parsed.data.spec.aggregator?.autoscaling : undefined;
  if (autoscaling === undefined) return undefined;
  const { mode, drainSeconds } = autoscaling;
  try {
    const read = Object.entries(wanted).map(async ([name, series]) => [
      name,
      await readExternalMetric(pipeline, series, signal),
    ]);
    return { mode, drainSeconds, ...Object.fromEntries(await Promise.all(read)) };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return { mode, drainSeconds, problem: `external.metrics.k8s.io does not respond (${why})` };
  }
}

/**
 * Explains the number of aggregators: `6 = 4.2 for 52,000 of lag in 60 s + 1.3 for 830/s, rounded to 12 partitions`.
 */
export function explainScaling(numbers: ScalingNumbers): string {
  const { mode, computed, problem, ineffective } = numbers;
  // In mode `recommend` show the computed number. The desired number waits for pods that were requested, but in this
  // mode no program requests pods.
  const desired = mode === 'recommend' ? (computed ?? numbers.desired) : numbers.desired;
  if (problem !== undefined) return `unknown: ${problem}`;
  if (desired === undefined)
    return 'no number is computed at present, so the replicas stay; see condition AutoscalingActive';
  const sum = explainSum(numbers);
  const held = computed !== undefined && computed !== desired ? ` (held; computed ${computed}${sum})` : sum;
  const note = ineffective === 1 ? '; the last scale-up did not help, PostgreSQL is probably the limit' : '';
  return `${mode === 'recommend' ? 'recommended: ' : ''}${desired}${held}${note}`;
}

function explainSum({ forLag, forIncoming, lag, incoming, partitions, drainSeconds }: ScalingNumbers): string {
  if (forLag === undefined || forIncoming === undefined || lag === undefined || incoming === undefined) return '';
  const rounded = partitions === undefined ? '' : `, rounded to ${partitions} partitions`;
  return (
    ` = ${fraction(forLag)} for ${whole(lag)} of lag in ${drainSeconds} s` +
    ` + ${fraction(forIncoming)} for ${whole(incoming)}/s${rounded}`
  );
}

function fraction(value: number): string {
  return value.toFixed(1);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
