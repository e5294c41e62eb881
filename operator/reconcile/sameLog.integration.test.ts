import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { statusSchema } from '#operator/api/status.ts';
import { scaledDraft } from '#operator/api/testing/samples.ts';
import { deployments, pipelines } from '#operator/reconcile/resources.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  draftIn,
  type OperatorCluster,
  resourceFor,
  startOperatorCluster,
} from '#test/support/operatorCluster.ts';
import { startOperator, stopOperators } from '#test/support/operatorInProcess.ts';

const autoscalers = resourceFor('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers');
const log = { epoch: 1, topic: 'shared.numbers', clusterId: 'c', topicId: 't' };

let cluster: OperatorCluster;
before(async () => {
  cluster = await startOperatorCluster();
});
afterEach(stopOperators);
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Wanted {
  readonly name: string;
  readonly server?: string;
  readonly shared?: boolean;
  readonly sample?: typeof scaledDraft;
  readonly replicas?: number;
}

/** Returns an address that differs in every test, because some operators here watch all namespaces. */
const serverOf = (namespace: string) => `kafka.${namespace}:9092`;

async function apply(namespace: string, wanted: Wanted) {
  const { name, server = serverOf(namespace), shared, sample, replicas } = wanted;
  const change = (draft: ReturnType<typeof scaledDraft>) => {
    Object.assign(draft.metadata, { name });
    const topic = { name: log.topic, partitions: 12, ...(shared === undefined ? {} : { shared }) };
    Object.assign(draft.spec, { kafka: { bootstrapServers: [server], topic } });
    if (replicas !== undefined) Object.assign(draft.spec, { aggregator: { replicas }, calculator: { replicas } });
  };
  await applyPipeline(cluster.client, draftIn(namespace, change, sample));
}

async function conditionOf(namespace: string, name: string, type: string) {
  const found = await cluster.client.find(pipelines, { namespace, name });
  return statusSchema.parse(found?.status ?? {}).conditions?.find((condition) => condition.type === type);
}

async function untilStalled(namespace: string, name: string, reason: string): Promise<string> {
  let message = '';
  await eventually(`${name} to be ${reason}`, async () => {
    const condition = await conditionOf(namespace, name, 'Stalled');
    message = condition?.message ?? '';
    return condition?.reason === reason || condition;
  });
  return message;
}

/** Wanted replicas of the pipeline's Deployments; undefined for a Deployment that does not exist. */
async function replicasOf(namespace: string, name: string) {
  const find = (component: string) => cluster.client.find(deployments, { namespace, name: `${name}-${component}` });
  return [(await find('calculator'))?.spec?.replicas, (await find('aggregator'))?.spec?.replicas];
}

const untilReplicas = (namespace: string, name: string, wanted: readonly (number | undefined)[]) =>
  eventually(`replicas ${wanted} of ${name}`, async () => {
    const seen = await replicasOf(namespace, name);
    return String(seen) === String(wanted) || seen;
  });

const reportLog = (namespace: string, name: string) =>
  cluster.kubectl(
    '-n',
    namespace,
    'patch',
    'sump',
    name,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status: { log } }),
  );

describe('a second SumPipeline on a topic that another one counts', () => {
  test('is refused before it has a pod, names the other and the cure, and starts when the other is deleted', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace });
    await apply(namespace, { name: 'first', replicas: 2 });
    await untilReplicas(namespace, 'first', [2, 2]);
    await apply(namespace, { name: 'second', replicas: 2 });
    const message = await untilStalled(namespace, 'second', 'LogInUse');
    assert.match(message, new RegExp(`SumPipeline ${namespace}/first has the same topic`));
    assert.match(message, /Delete one of the two, or set spec\.kafka\.topic\.shared to true in both/);
    await operator.whenIdle();
    assert.deepEqual(await replicasOf(namespace, 'second'), [undefined, undefined]);
    assert.deepEqual(await replicasOf(namespace, 'first'), [2, 2]);
    assert.equal((await conditionOf(namespace, 'first', 'Stalled'))?.reason, 'NotStalled');

    await cluster.kubectl('-n', namespace, 'delete', 'sump', 'first');
    await untilReplicas(namespace, 'second', [2, 2]);
    await untilStalled(namespace, 'second', 'NotStalled');
  });

  test('runs beside it when both declare it, and only then', async () => {
    const namespace = await cluster.createNamespace();
    await using _ = await startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace });
    await apply(namespace, { name: 'first', shared: true, replicas: 1 });
    await untilReplicas(namespace, 'first', [1, 1]);
    await apply(namespace, { name: 'second', replicas: 1 });
    await untilStalled(namespace, 'second', 'LogInUse');
    await apply(namespace, { name: 'second', shared: true, replicas: 1 });
    await untilReplicas(namespace, 'second', [1, 1]);
    await untilStalled(namespace, 'second', 'NotStalled');
    await untilStalled(namespace, 'first', 'NotStalled');
  });

  test('that is known only by what the aggregators report is stopped, its autoscalers first, and comes back', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace });
    await apply(namespace, { name: 'first', replicas: 1 });
    await untilReplicas(namespace, 'first', [1, 1]);
    await reportLog(namespace, 'first');
    // Use another address of the same Kafka. Only the ids of the cluster and the topic show that it is the same.
    await apply(namespace, { name: 'second', server: 'alias.infra:9092', sample: scaledDraft });
    const hpa = { namespace, name: 'second-calculator' };
    await eventually('the HPA', async () => (await cluster.client.find(autoscalers, hpa)) !== undefined);
    await operator.whenIdle();
    operator.writes.length = 0;
    await reportLog(namespace, 'second');
    await untilStalled(namespace, 'second', 'LogInUse');
    await untilReplicas(namespace, 'second', [0, 0]);
    await operator.whenIdle();
    const writes = operator.writes.filter(
      (write) => /second-calculator$/.test(write) && /HorizontalPod|scale/.test(write),
    );
    assert.deepEqual(
      writes.map((write) => write.split(' ').slice(0, 2).join(' ')),
      ['delete HorizontalPodAutoscaler', 'patch Deployment/scale'],
    );
    assert.equal((await conditionOf(namespace, 'first', 'Stalled'))?.reason, 'NotStalled');

    await cluster.kubectl('-n', namespace, 'delete', 'sump', 'first');
    await eventually('the HPA', async () => (await cluster.client.find(autoscalers, hpa)) !== undefined);
    await eventually('pods again', async () => {
      const seen = await replicasOf(namespace, 'second');
      return seen.every((replicas) => (replicas ?? 0) > 0) || seen;
    });
  });

  test('in another namespace is refused too, and a Service of the same short name is another Kafka', async () => {
    // If two pipelines were created in the same second, the order of their names decides.
    const created = [await cluster.createNamespace(), await cluster.createNamespace()];
    const [one = '', other = ''] = created.toSorted();
    await using _ = await startOperator({ kubeconfig: cluster.operatorKubeconfig });
    await apply(one, { name: 'first', replicas: 1 });
    await untilReplicas(one, 'first', [1, 1]);
    await apply(other, { name: 'short', server: 'kafka:9092', replicas: 1 });
    await apply(one, { name: 'short', server: 'kafka:9092', replicas: 1 });
    await untilReplicas(other, 'short', [1, 1]);
    await untilReplicas(one, 'short', [1, 1]);
    await apply(other, { name: 'second', server: serverOf(one), replicas: 1 });
    assert.match(await untilStalled(other, 'second', 'LogInUse'), new RegExp(`SumPipeline ${one}/first has`));
  });
});
