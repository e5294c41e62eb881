import { z } from 'zod';
import { childName, consumerGroup } from '#contract/names.ts';
import { type RecordedSeries, recordedSeries } from '#contract/scaling.ts';
import { createPrometheusClient } from '#lab/monitoring/query.ts';
import { pause } from '#platform/time.ts';
import type { Lab } from './lab.ts';
import type { LoopPipeline } from './pipeline.ts';
import type { LoopRecord, Mark, Point } from './timeline.ts';

export interface Recorder extends AsyncDisposable {
  readonly record: LoopRecord;
  /** Seconds since the start of the recorder. */
  now(): number;
  /** Records the current moment with a text. */
  mark(text: string): void;
  /** Waits until a point fulfils the condition. After the timeout rejects with the last point. */
  until(what: string, timeoutSeconds: number, isWanted: (point: Point) => boolean): Promise<Point>;
}

const intervalMs = 1_000;

/** Starts a recorder, which reads Prometheus, the API server and the group coordinator every second. */
export function startRecorder(lab: Lab, pipeline: LoopPipeline, readOffered: () => number): Recorder {
  const startedAt = performance.now();
  const now = () => (performance.now() - startedAt) / 1000;
  const points: Point[] = [];
  const marks: Mark[] = [];
  const end = new AbortController();
  const watchers = new Set<(point: Point) => void>();
  const running = (async () => {
    while (!end.signal.aborted) {
      const at = now();
      const seen = await look(lab, pipeline);
      const point = { at, offered: readOffered(), ...seen };
      points.push(point);
      for (const watcher of watchers) watcher(point);
      await pause(Math.max(0, intervalMs - (now() - at) * 1000), end.signal);
    }
  })();
  return {
    record: { points, marks },
    now,
    mark(text) {
      marks.push({ at: now(), text });
      lab.progress.note(`${Math.round(now())} s: ${text}`);
    },
    async until(what, timeoutSeconds, isWanted) {
      const { promise, resolve, reject } = Promise.withResolvers<Point>();
      const onAbort = () => reject(lab.signal.reason);
      const late = setTimeout(() => {
        reject(new Error(`waited ${timeoutSeconds} s for ${what}; last point: ${JSON.stringify(points.at(-1))}`));
      }, timeoutSeconds * 1000);
      const watcher = (point: Point) => {
        if (isWanted(point)) resolve(point);
      };
      watchers.add(watcher);
      lab.signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await promise;
      } finally {
        clearTimeout(late);
        watchers.delete(watcher);
        lab.signal.removeEventListener('abort', onAbort);
      }
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}

type Seen = Omit<Point, 'at' | 'offered'>;

async function look(lab: Lab, pipeline: LoopPipeline): Promise<Seen> {
  const { ref } = pipeline;
  const series = createPrometheusClient(lab.prometheus.url);
  const labels = `{namespace="${ref.namespace}",pipeline="${ref.name}"}`;
  // Ignore a failed query: if a scenario has killed Prometheus, the record must show a gap.
  const value = (name: RecordedSeries) => series.queryNumber(`${name}${labels}`).catch(() => undefined);
  const [incoming, lag, ownLag, capacity, desired, deployment, hpa] = await Promise.all([
    value(recordedSeries.incoming),
    value(recordedSeries.lag),
    series.queryNumber(`sum(sumpipeline_lag_records${labels})`).catch(() => undefined),
    value(recordedSeries.capacity),
    value(recordedSeries.desired),
    readDeployment(lab, pipeline).catch(() => undefined),
    readHpa(lab, pipeline).catch(() => undefined),
  ]);
  return {
    incoming,
    lag,
    ownLag,
    capacity,
    desired,
    replicas: deployment?.spec.replicas,
    ready: deployment?.status.readyReplicas,
    hpaDesired: hpa?.status.desiredReplicas,
    generation: lab.generations.of(consumerGroup(ref)),
  };
}

const deploymentSchema = z.object({
  spec: z.object({ replicas: z.number() }),
  status: z.object({ readyReplicas: z.number().default(0) }),
});

async function readDeployment({ client }: Lab, { ref }: LoopPipeline) {
  const path = `/apis/apps/v1/namespaces/${ref.namespace}/deployments/${childName.workload(ref, 'aggregator')}`;
  return deploymentSchema.parse(await client.get(path));
}

const hpaSchema = z.object({ status: z.object({ desiredReplicas: z.number().optional() }) });

async function readHpa({ client }: Lab, { ref }: LoopPipeline) {
  const path = `/apis/autoscaling/v2/namespaces/${ref.namespace}/horizontalpodautoscalers/${childName.workload(ref, 'aggregator')}`;
  return hpaSchema.parse(await client.get(path));
}
