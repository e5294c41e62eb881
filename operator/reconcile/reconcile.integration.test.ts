import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { minimalDraft } from '#operator/api/testing/samples.ts';
import { createLogger } from '#platform/log.ts';
import { startTestCluster, type TestCluster } from '#test/support/operatorCluster.ts';
import { startOperator } from '#test/support/operatorInProcess.ts';
import { pipelines } from './resources.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

test('smoke', async () => {
  const namespace = await cluster.createNamespace();
  await using operator = await startOperator({
    kubeconfigPath: cluster.server.kubeconfigPath,
    logger: createLogger({ level: 'info' }),
  });
  const draft = minimalDraft();
  draft.metadata.namespace = namespace;
  await cluster.apply(draft);
  await operator.whenIdle();
  console.log(operator.writes);
  const seen = await cluster.client.get(pipelines, { namespace, name: 'orders' });
  console.log(JSON.stringify(seen.status, null, 1), seen.metadata);
  console.log(operator.events.map((e) => [e.type, e.reason, e.note]));
});
