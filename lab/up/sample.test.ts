import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { type Parts, readSample } from './sample.ts';

const shipped = join(import.meta.dirname, '..', '..', 'manifests', 'samples', 'pipeline.yaml');

const parts: Parts = {
  bootstrapServers: '10.188.1.1:9092',
  kafkaCaPem: 'kafka ca',
  kafkaUsername: 'admin',
  kafkaPassword: 'secret',
  storeUri: 'postgresql://x',
  storeCaPem: 'postgres ca',
};

test('the shipped sample is applied unchanged when Kafka listens on the port in it', async () => {
  const sample = await readSample(shipped, parts);
  assert.equal(sample.isChanged, false);
  assert.deepEqual(sample.ref, { namespace: 'default', name: 'orders' });
});

test('every Secret that the sample names is created, with the keys that it names', async () => {
  const { prerequisites } = await readSample(shipped, parts);
  assert.deepEqual(prerequisites, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    secret('kafka-ca', { 'ca.crt': 'kafka ca' }),
    secret('orders-kafka', { username: 'admin', password: 'secret' }),
    secret('orders-db', { uri: 'postgresql://x' }),
    secret('postgres-ca', { 'ca.crt': 'postgres ca' }),
  ]);
});

function secret(name: string, stringData: object): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, stringData };
}

test('another port is written into the sample and into its text for users', async () => {
  const sample = await readSample(shipped, { ...parts, bootstrapServers: '10.188.1.1:19092' });
  assert.equal(sample.isChanged, true);
  assert.match(sample.yaml, /bootstrapServers:\n\s+- 10\.188\.1\.1:19092/);
});

test('for an invalid sample the error names the field', async () => {
  await using folder = await createTemporaryFolder({
    'x.yaml':
      'apiVersion: sumpipeline.dev/v1alpha1\nkind: SumPipeline\nmetadata: {name: x}\nspec: {kafka: {topic: {}}}\n',
  });
  await assert.rejects(readSample(folder.file('x.yaml'), parts), /x\.yaml is not a valid SumPipeline.*spec\.store/s);
});
