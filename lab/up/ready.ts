import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { conditionsSchema } from '#cli/conditions.ts';
import type { Cluster } from '#cli/connection/cluster.ts';
import { apiVersion, formatRef, type PipelineRef } from '#contract/names.ts';
import type { Step } from '#lab/progress.ts';

const resourceSchema = z.object({
  metadata: z.object({ generation: z.number().optional() }),
  status: z
    .object({
      observedGeneration: z.number().optional(),
      conditions: conditionsSchema,
    })
    .default({ conditions: [] }),
});

export interface ReadyOptions {
  readonly cluster: Cluster;
  readonly ref: PipelineRef;
  readonly step: Step;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const pollMs = 500;
/**
 * How long condition Stalled may be True before the wait fails, in milliseconds. At a start it may be True for a
 * short time, because objects that the pipeline needs do not exist yet.
 */
const stalledMs = 20_000;

/** Waits until the pipeline is Ready for the spec that was applied, and reports what it waits for. */
export async function waitUntilReady({ cluster, ref, step, timeoutMs, signal }: ReadyOptions): Promise<void> {
  const path = `/apis/${apiVersion}/namespaces/${ref.namespace}/sumpipelines/${ref.name}`;
  const startedAt = performance.now();
  let stalledAt: number | undefined;
  for (;;) {
    const resource = resourceSchema.parse(await cluster.request({ method: 'GET', path, signal }));
    const { conditions, observedGeneration } = resource.status;
    const condition = (type: string) => conditions.find((one) => one.type === type);
    const ready = condition('Ready');
    const stalled = condition('Stalled');
    if (ready?.status === 'True' && observedGeneration === resource.metadata.generation) return;
    const now = performance.now();
    const seen = ready === undefined ? 'the operator has not reconciled it yet' : `${ready.reason}: ${ready.message}`;
    step.update(seen);
    stalledAt = stalled?.status === 'True' ? (stalledAt ?? now) : undefined;
    if (stalledAt !== undefined && now - stalledAt > stalledMs) {
      throw new Error(`${formatRef(ref)} is stalled: ${stalled?.reason}: ${stalled?.message}`);
    }
    if (now - startedAt > timeoutMs) {
      throw new Error(`${formatRef(ref)} was not Ready after ${timeoutMs / 1000} s; ${seen}`);
    }
    await sleep(pollMs, undefined, { signal });
  }
}
