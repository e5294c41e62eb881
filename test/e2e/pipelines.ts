import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KubeClient } from '#kube/client/client.ts';
import { waitFor } from '#lab/process/wait.ts';
import { applyObjects } from '#lab/up/install.ts';
import { buildSecrets } from '#lab/up/sample.ts';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { statusSchema } from '#operator/api/status.ts';
import { type Changes, changed, type Draft } from '#operator/api/testing/samples.ts';
import type { Condition } from '#operator/api/types.ts';
import { pipelines } from '#operator/reconcile/resources.ts';
import type { Access } from './servers.ts';
import type { System } from './system.ts';

const samplePath = join(import.meta.dirname, '..', '..', 'manifests', 'samples', 'pipeline.yaml');

/** Makes the sample pipeline for a namespace of its own: one pod of each component, and the given changes. */
export async function draftIn(namespace: string, changes: Changes = {}): Promise<Draft> {
  const sample = parse(await readFile(samplePath, 'utf8')) as Draft;
  const small = { 'calculator.replicas': 1, 'aggregator.replicas': 1, 'kafka.topic.partitions': 2 };
  return changed(sample, { '/metadata.namespace': namespace, ...small, ...changes });
}

type Secret = { metadata: { name: string }; stringData: Record<string, string> };

/** Builds the Secrets that a draft names, with correct values. */
export function secretsOf(draft: Draft, access: Access): Secret[] {
  const parsed = parsePipelineStrictly(draft);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return buildSecrets(parsed.value, {
    bootstrapServers: access.kafka.brokers.join(','),
    kafkaCaPem: access.kafkaCaPem,
    kafkaUsername: access.kafkaUser.username,
    kafkaPassword: access.kafkaUser.password,
    storeUri: access.storeUri,
    storeCaPem: access.storeCaPem,
  }) as Secret[];
}

export async function apply(system: System, ...objects: readonly object[]): Promise<void> {
  await applyObjects(system.kubectl, objects, AbortSignal.timeout(60_000));
}

export async function createNamespace(system: System, namespace: string): Promise<void> {
  await apply(system, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
}

/** The contents of a condition that tests compare. */
export interface Said {
  readonly status: Condition['status'];
  readonly reason: string;
  /** Text, or a pattern if a part of the text differs from run to run. */
  readonly message: string | RegExp;
}

export async function findConditions(client: KubeClient, namespace: string, name = 'orders'): Promise<Condition[]> {
  const found = await client.find(pipelines, { namespace, name });
  return [...(statusSchema.parse(found?.status ?? {}).conditions ?? [])];
}

/** Maximum wait until a pipeline reports a mistake or its correction, in milliseconds. */
const recoveryMs = 120_000;

/** Waits until a condition has exactly these contents. The timeout error shows the last conditions. */
export async function untilSays(
  client: KubeClient,
  namespace: string,
  type: Condition['type'],
  expected: Said,
  timeoutMs = recoveryMs,
): Promise<void> {
  await waitFor({ what: `${type} of ${namespace}: ${inWords(expected)}`, timeoutMs, intervalMs: 200 }, async () => {
    const conditions = await findConditions(client, namespace);
    const condition = conditions.find((one) => one.type === type);
    if (condition !== undefined && isSaid(condition, expected)) return true;
    throw new Error(conditions.map((one) => `\n  ${one.type} ${inWords(one)}`).join('') || 'no condition');
  });
}

/** Waits until the pipeline is Ready and every pod of both components is ready. */
export async function untilReady(client: KubeClient, namespace: string, timeoutMs = recoveryMs): Promise<void> {
  const message = /^(\d+) of \1 calculators and (\d+) of \2 aggregators are ready$/;
  await untilSays(client, namespace, 'Ready', { status: 'True', reason: 'Ready', message }, timeoutMs);
}

function isSaid(condition: Condition, { status, reason, message }: Said): boolean {
  if (condition.status !== status || condition.reason !== reason) return false;
  return typeof message === 'string' ? condition.message === message : message.test(condition.message);
}

function inWords({ status, reason, message }: Said): string {
  return `${status} ${reason}: ${message}`;
}

const totalsSchema = z.object({
  totals: z.array(z.object({ series: z.string(), total: z.string(), count: z.string() })),
});

/** Reads all totals of a pipeline, as sumctl prints them. */
export async function readTotals(
  system: System,
  namespace: string,
): Promise<Map<string, { total: string; count: string }>> {
  const ran = await system.sumctl(['total', '-n', namespace, '-o', 'json']);
  if (ran.code !== 0) throw new Error(`sumctl total: ${ran.stderr}`);
  return new Map(
    totalsSchema.parse(JSON.parse(ran.stdout)).totals.map(({ series, total, count }) => [series, { total, count }]),
  );
}
