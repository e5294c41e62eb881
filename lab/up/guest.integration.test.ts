import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { silentProgress } from '#lab/progress.ts';
import { createObjects, type Made, refuseOccupied, removeMade } from './guest.ts';
import { applyObjects, type Operator, readOperator } from './install.ts';
import { createKubectl } from './kubectl.ts';
import { readSample, readSampleNames } from './sample.ts';
import type { Target } from './target.ts';

/**
 * Tests of `up` in a cluster of the user, with a real kubectl and a real API server. The tests build on each other.
 */

const root = join(import.meta.dirname, '..', '..');
const samplePath = join(root, 'manifests', 'samples', 'pipeline.yaml');
const { signal } = new AbortController();

let server: ApiServer;
let target: Target;
let operator: Operator;
before(async () => {
  server = await startApiServer();
  const { kubeconfigPath: kubeconfig, kubectlPath } = server;
  const cacheDir = join(kubeconfig, '..', 'kubectl-cache');
  const kubectl = createKubectl({ command: kubectlPath, kubeconfig, context: undefined, cacheDir });
  target = { kubeconfig, context: 'theirs', kubectlPath, kubectl, image: 'x:1', died: new Promise(() => {}) };
  operator = await readOperator({ kubectl, root, image: target.image, signal });
});
after(() => server?.stop());

const look = async () => refuseOccupied(target, await readSampleNames(samplePath), operator, signal);
const objectsIn = (namespace: string) =>
  target.kubectl.run(['-n', namespace, 'get', 'sumpipelines,secrets', '-o', 'name']);

test('a cluster without objects of ours is free, and so is a cluster with the CRD that we applied', async () => {
  await look();
  await applyObjects(target.kubectl, operator.crds, signal);
  const crds = operator.crds.map(({ metadata }) => `crd/${metadata.name}`);
  await target.kubectl.run(['wait', '--for=condition=Established', '--timeout=30s', ...crds]);
  await look();
});

test('created objects are added to existing ones, found by the next check, and removed alone', async () => {
  await target.kubectl.run(['-n', 'default', 'create', 'secret', 'generic', 'theirs']);
  const before = await objectsIn('default');
  const parts = { kafkaUsername: 'u', kafkaPassword: 'p', kafkaCaPem: 'k', storeUri: 's', storeCaPem: 'c' };
  const sample = await readSample(samplePath, { ...parts, bootstrapServers: '10.0.0.1:9092' });
  const made: Made[] = [];
  await createObjects(target, [...sample.prerequisites, sample.resource], made, signal);
  await assert.rejects(look(), (error: Error) => {
    for (const name of ['sumpipeline.sumpipeline.dev/orders', 'secret/orders-db', 'secret/orders-kafka']) {
      assert.ok(error.message.includes(name), `${name} is named in: ${error.message}`);
    }
    return true;
  });
  await removeMade(target, made, silentProgress);
  assert.equal(await objectsIn('default'), before);
  await look();
});

test('a pipeline that another user made in between is neither overwritten nor removed', async () => {
  const theirs = { postgres: { secretRef: { name: 'theirs' } } };
  const resource = {
    apiVersion: 'sumpipeline.dev/v1alpha1',
    kind: 'SumPipeline',
    metadata: { name: 'orders', namespace: 'default' },
    spec: { kafka: { bootstrapServers: ['10.0.0.2:9092'], topic: { partitions: 3 } }, store: theirs },
  };
  await applyObjects(target.kubectl, [resource], signal);
  const stored = await target.kubectl.run(['-n', 'default', 'get', 'sump', 'orders', '-o', 'json']);
  const made: Made[] = [];
  await assert.rejects(createObjects(target, [resource], made, signal), /AlreadyExists/);
  await removeMade(target, made, silentProgress);
  assert.equal(await target.kubectl.run(['-n', 'default', 'get', 'sump', 'orders', '-o', 'json']), stored);
});

test('a CRD that was installed in another way is not replaced', async () => {
  const crds = operator.crds.map(({ metadata }) => metadata.name);
  await target.kubectl.run(['delete', 'crd', ...crds, '--timeout=30s']);
  await target.kubectl.run(['create', '-k', join(root, 'crds')]);
  await assert.rejects(
    look(),
    /has crd\/sumpipelines\.sumpipeline\.dev that npm start did not install: nothing was changed/,
  );
});
