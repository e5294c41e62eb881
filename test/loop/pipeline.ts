import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { childName, defaultTopic, type PipelineRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { buildSecrets } from '#lab/up/sample.ts';
import { type AggregatorsMax, buildScaledSpec } from '#lab/up/scaledSpec.ts';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { formatProblems } from '#operator/api/problem.ts';
import type { Lab } from './lab.ts';

export interface PipelineOptions {
  /** Namespace of the pipeline. Every scenario has its own, and so its own schema. */
  readonly namespace: string;
  readonly partitions: number;
  /** Replicas of each partition of the topic. Default 1. */
  readonly replicas?: number;
  /** Maximum number of aggregators. Default: `aggregatorsMax` of lab/up/scaledSpec.ts. */
  readonly max?: AggregatorsMax;
  /** Target utilisation of an aggregator, in percent. Default: that of lab/up/scaledSpec.ts. */
  readonly utilisation?: number;
}

/** A pipeline that is Ready and whose aggregators scale. */
export interface LoopPipeline extends AsyncDisposable {
  readonly ref: PipelineRef;
  readonly topic: string;
  readonly calculatorUrl: string;
  readonly aggregatorUrl: string;
  /** Changes the spec of the pipeline by a merge patch. */
  patch(spec: object): Promise<void>;
}

const readyTimeoutMs = 240_000;

/** Applies the sample pipeline with autoscaling and waits until it is Ready. Disposing deletes it and its namespace. */
export async function startPipeline(lab: Lab, options: PipelineOptions): Promise<LoopPipeline> {
  const { namespace, partitions, replicas = 1, max, utilisation } = options;
  const path = join(lab.root, 'manifests', 'samples', 'pipeline.yaml');
  const sample = z
    .looseObject({ spec: z.looseObject({ kafka: z.looseObject({}) }) })
    .parse(parse(await readFile(path, 'utf8')));
  const resource = {
    ...sample,
    metadata: { name: 'orders', namespace },
    spec: {
      ...sample.spec,
      kafka: {
        ...sample.spec.kafka,
        bootstrapServers: lab.parts.bootstrapServers.split(','),
        topic: { partitions, replicas },
      },
      ...buildScaledSpec({
        ...(max === undefined ? {} : { max }),
        ...(utilisation === undefined ? {} : { utilisation }),
        ...(lab.metricsServer.name === 'KEDA' ? { kedaPrometheusUrl: lab.prometheus.url } : {}),
      }),
    },
  };
  const parsed = parsePipelineStrictly(resource);
  if (!parsed.ok) throw new Error(formatProblems(parsed.problems));
  const ref = { namespace, name: 'orders' };
  await using stack = new AsyncDisposableStack();
  await lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  stack.defer(async () => {
    // Delete nothing after Ctrl-C: the whole cluster is removed.
    if (lab.signal.aborted) return;
    await lab.kubectl.run(['-n', namespace, 'delete', 'sumpipeline', ref.name, '--timeout=120s']);
    await lab.kubectl.run(['delete', 'namespace', namespace, '--wait=false']);
  });
  await lab.apply(...buildSecrets(parsed.value, lab.parts));
  await lab.apply(resource);
  await lab.progress.step(`Wait until ${namespace}/${ref.name} is Ready`, (step) =>
    untilReady(lab, ref, (seen) => step.update(seen)),
  );
  const urlOf = async (component: 'calculator' | 'aggregator') =>
    `http://${await readClusterIp(lab, namespace, childName.service(ref, component))}:${ports.http}`;
  const [calculatorUrl, aggregatorUrl] = [await urlOf('calculator'), await urlOf('aggregator')];
  const owned = stack.move();
  return {
    ref,
    topic: defaultTopic(ref),
    calculatorUrl,
    aggregatorUrl,
    async patch(spec) {
      const merge = ['--type=merge', '-p', JSON.stringify({ spec })];
      await lab.kubectl.run(['-n', namespace, 'patch', 'sumpipeline', ref.name, ...merge]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const statusSchema = z.object({
  status: z
    .object({
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }))
        .default([]),
    })
    .default({ conditions: [] }),
});

export async function readConditions(lab: Lab, { namespace, name }: PipelineRef) {
  const path = `/apis/sumpipeline.dev/v1alpha1/namespaces/${namespace}/sumpipelines/${name}`;
  return statusSchema.parse(await lab.client.get(path)).status.conditions;
}

async function untilReady(lab: Lab, ref: PipelineRef, tell: (seen: string) => void): Promise<void> {
  const what = `${ref.namespace}/${ref.name} to be Ready`;
  await waitFor({ what, timeoutMs: readyTimeoutMs, intervalMs: 500, signal: lab.signal }, async () => {
    const ready = (await readConditions(lab, ref)).find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return true;
    const seen = ready === undefined ? 'the operator has not reconciled it yet' : `${ready.reason}: ${ready.message}`;
    tell(seen);
    throw new Error(seen);
  });
}

async function readClusterIp(lab: Lab, namespace: string, name: string): Promise<string> {
  const service = await lab.client.get(`/api/v1/namespaces/${namespace}/services/${name}`);
  return z.object({ spec: z.object({ clusterIP: z.string() }) }).parse(service).spec.clusterIP;
}
