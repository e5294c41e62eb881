import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { cloudNativePgCrds } from './cloudNativePg.ts';
import type { CrdSet } from './crds.ts';
import { kedaCrds } from './keda.ts';
import { prometheusOperatorCrds } from './prometheusOperator.ts';
import { strimziCrds } from './strimzi.ts';

const crdSchema = z.object({
  kind: z.literal('CustomResourceDefinition'),
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(z.object({ name: z.string() })),
  }),
});

async function kindsOf({ files }: CrdSet): Promise<string[]> {
  const crds = await Promise.all(files.map(async (file) => crdSchema.parse(parse(await readFile(file, 'utf8')))));
  return crds
    .map(({ spec }) => `${spec.names.kind}.${spec.versions.map(({ name }) => name).join()}.${spec.group}`)
    .sort();
}

test("Strimzi's own generator makes the CRDs of the kinds that we use, in v1 only", async () => {
  assert.deepEqual(await kindsOf(await strimziCrds()), [
    'Kafka.v1.kafka.strimzi.io',
    'KafkaNodePool.v1.kafka.strimzi.io',
    'KafkaTopic.v1.kafka.strimzi.io',
    'KafkaUser.v1.kafka.strimzi.io',
  ]);
});

test('the prometheus-operator module contains ServiceMonitor and PrometheusRule', async () => {
  const kinds = await kindsOf(await prometheusOperatorCrds());
  assert.ok(kinds.includes('ServiceMonitor.v1.monitoring.coreos.com'), kinds.join());
  assert.ok(kinds.includes('PrometheusRule.v1.monitoring.coreos.com'), kinds.join());
});

test('the module of KEDA contains ScaledObject', async () => {
  const kinds = await kindsOf(await kedaCrds());
  assert.ok(kinds.includes('ScaledObject.v1alpha1.keda.sh'), kinds.join());
});

test('the module of CloudNativePG contains Cluster', async () => {
  const kinds = await kindsOf(await cloudNativePgCrds());
  assert.ok(kinds.includes('Cluster.v1.postgresql.cnpg.io'), kinds.join());
});
