import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { KubeObject } from '#kube/client/object.ts';
import { strimziCrds } from '#lab/crds/strimzi.ts';
import { annotations, topicFinalizer } from '#operator/api/annotations.ts';
import { kafkaTopics, pipelines } from '#operator/reconcile/resources.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  asPerson,
  findCondition,
  name,
  type OperatorCluster,
  resourceFor,
  startOperatorCluster,
  strimziDraftIn,
  untilCondition,
} from '#test/support/operatorCluster.ts';
import { startOperator, stopOperators, type TestOperator } from '#test/support/operatorInProcess.ts';
import { letTopicGo, takeUpTopic } from '#test/support/standIns.ts';

const kafkas = resourceFor('kafka.strimzi.io/v1', 'Kafka', 'kafkas');
const deployments = resourceFor('apps/v1', 'Deployment', 'deployments');
const listener = { name: 'tls', port: 9093, type: 'internal', tls: true };
const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

let cluster: OperatorCluster;
before(async () => {
  cluster = await startOperatorCluster();
});
afterEach(stopOperators);
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

const start = (namespace: string, more: Partial<Parameters<typeof startOperator>[0]> = {}): Promise<TestOperator> =>
  startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace, ...more });

/** Applies a Strimzi Kafka. If `isRunning`, it also has the status that Strimzi publishes. */
async function putKafka(namespace: string, options: { allowed?: string; isRunning?: boolean } = {}): Promise<void> {
  const metadata = {
    namespace,
    name: 'main',
    annotations: options.allowed === undefined ? {} : { [annotations.allowedNamespaces]: options.allowed },
  };
  const head = { apiVersion: 'kafka.strimzi.io/v1', kind: 'Kafka', metadata };
  await cluster.client.apply(kafkas, { ...head, spec: { kafka: { listeners: [listener] } } } as KubeObject, asPerson);
  if (options.isRunning !== true) return;
  const status = {
    listeners: [{ name: 'tls', bootstrapServers: 'main-kafka-bootstrap.kafka.svc:9093', certificates: [certificate] }],
  };
  await cluster.client.applyStatus(kafkas, { ...head, metadata: { namespace, name: 'main' }, status } as KubeObject, {
    fieldManager: 'stand-in-cluster-operator',
    force: true,
  });
}

/** Creates a KafkaTopic with a name that we would use, but as another client. */
async function createStrangersTopic(topic: { namespace: string; name: string }): Promise<void> {
  const object = { apiVersion: 'kafka.strimzi.io/v1', kind: 'KafkaTopic', metadata: topic, spec: { partitions: 1 } };
  await cluster.client.create(kafkaTopics, object as KubeObject, { fieldManager: 'foreign-manager' });
}

/**
 * Installs the CRDs of Strimzi. The first test needs a cluster without them, so each test that needs them calls this.
 */
async function installStrimzi(): Promise<void> {
  await cluster.installCrds(await strimziCrds(), ['kafkas.kafka.strimzi.io', 'kafkatopics.kafka.strimzi.io']);
  for (const kind of [kafkas, kafkaTopics]) {
    await eventually(`${kind.plural} to be served`, () => cluster.client.list(kind).then(() => true, String));
  }
}

/** Makes a Kafka in its own namespace that permits all namespaces. Returns the namespace. */
async function runKafka(): Promise<string> {
  await installStrimzi();
  const namespace = await cluster.createNamespace();
  await cluster.kubectl('apply', '-k', 'manifests/kafka-access', '-n', namespace);
  await putKafka(namespace, { allowed: '*', isRunning: true });
  return namespace;
}

/** Makes a pipeline whose KafkaTopic Strimzi reports as ready. */
async function settled(options: Partial<Parameters<typeof startOperator>[0]> = {}) {
  const kafka = await runKafka();
  const namespace = await cluster.createNamespace();
  const topic = { namespace: kafka, name: `${namespace}.${name}` };
  const operator = await start(namespace, options);
  await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
  await untilTopic(topic, 'present');
  await takeUpTopic(cluster.client, topic);
  await eventually('the topic to be ready', async () => {
    const condition = await findCondition(cluster.client, namespace, 'KafkaReady');
    return condition?.reason === 'NotReported' || condition;
  });
  await operator.whenIdle();
  return { kafka, namespace, topic, operator };
}

type Target = { namespace: string; name: string };

async function untilTopic(topic: Target, state: 'present' | 'gone' | 'released'): Promise<void> {
  await eventually(`KafkaTopic ${topic.name} to be ${state}`, async () => {
    const live = await cluster.client.find(kafkaTopics, topic);
    if (state === 'gone') return live === undefined || live.metadata;
    if (live === undefined) return 'absent';
    return state === 'present' || live.metadata.annotations?.['strimzi.io/managed'] === 'false' || live.metadata;
  });
}

const pipelineIsGone = (namespace: string, timeoutMs: number) =>
  eventually(
    'the SumPipeline to be gone',
    async () => (await cluster.client.find(pipelines, { namespace, name })) === undefined,
    timeoutMs,
  );

/** Waits for an event, because an event is recorded after the write that it reports. */
const untilTold = ({ events }: TestOperator, reason: string, about: string) =>
  eventually(
    `the event ${reason}`,
    () => events.some((event) => event.reason === reason && event.note.includes(about)) || events,
  );

test('every missing step to a Strimzi Kafka in another namespace is named, and the pipeline continues when it is done', async () => {
  const kafka = await cluster.createNamespace();
  const namespace = await cluster.createNamespace();
  await using operator = await start(namespace);
  await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
  const says = (reason: string) => untilCondition(cluster.client, namespace, 'KafkaReady', `False ${reason}`);

  assert.match(await says('CRDNotInstalled'), /install Strimzi, or .*spec\.kafka\.bootstrapServers/);
  await installStrimzi();
  assert.match(await says('AccessForbidden'), /kubectl apply -k manifests\/kafka-access/);
  await cluster.kubectl('apply', '-k', 'manifests/kafka-access', '-n', kafka);
  assert.match(await says('KafkaNotFound'), /does not exist: create it/);
  await putKafka(kafka);
  assert.match(await says('NotPermitted'), /sumpipeline\.dev\/allowed-namespaces/);
  await putKafka(kafka, { allowed: `other, ${namespace}` });
  assert.match(await says('KafkaNotReady'), /has published no address for listener tls yet/);
  assert.deepEqual(
    operator.writes.filter((write) => !write.includes('SumPipeline/status')),
    [],
    'until then nothing is made',
  );
  await putKafka(kafka, { allowed: `other, ${namespace}`, isRunning: true });
  assert.match(await says('TopicPending'), /waiting for Strimzi's Topic Operator/);
  await takeUpTopic(cluster.client, { namespace: kafka, name: `${namespace}.${name}` });
  await untilCondition(cluster.client, namespace, 'KafkaReady', 'Unknown NotReported');
  const warnings = operator.events.filter(({ type }) => type === 'Warning').map(({ reason }) => reason);
  assert.deepEqual(warnings, ['CRDNotInstalled', 'AccessForbidden', 'KafkaNotFound', 'NotPermitted', 'KafkaNotReady']);
});

test('when the Kafka no longer permits the namespace, the status says so and the children are left alone', async () => {
  const { kafka, namespace, operator } = await settled();
  await using _ = operator;
  operator.writes.length = 0;
  await putKafka(kafka, { allowed: 'other', isRunning: true });
  await untilCondition(cluster.client, namespace, 'KafkaReady', 'False NotPermitted');
  await operator.whenIdle();
  assert.deepEqual(operator.writes, [`apply SumPipeline/status ${namespace}/${name}`]);
  await putKafka(kafka, { allowed: namespace, isRunning: true });
  await untilCondition(cluster.client, namespace, 'KafkaReady', 'Unknown NotReported');
});

describe('finalizer and inventory', () => {
  test('are written, together, before the topic is created', async () => {
    const { namespace, topic, operator } = await settled();
    await using _ = operator;
    const made = operator.writes.filter((write) => !write.includes('status'));
    assert.equal(made[0], `apply SumPipeline ${namespace}/${name}`);
    assert.ok(made.includes(`apply KafkaTopic ${topic.namespace}/${topic.name}`));
    const { metadata } = await cluster.client.get(pipelines, { namespace, name });
    assert.deepEqual(metadata.finalizers, [topicFinalizer]);
    assert.deepEqual(JSON.parse(metadata.annotations?.[annotations.inventory] ?? ''), [
      { kind: 'KafkaTopic', ...topic },
    ]);
    assert.equal((await cluster.client.get(kafkaTopics, topic)).metadata.ownerReferences, undefined);
  });

  test('exist without a topic after a crash in between, which does no harm', async () => {
    const kafka = await runKafka();
    const namespace = await cluster.createNamespace();
    {
      await using operator = await start(namespace);
      operator.beforeRequest = async ({ context }) => {
        if (context.kind === 'KafkaTopic' && context.verb === 'apply') throw new Error('crash');
      };
      await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
      await eventually('the finalizer', async () => {
        const { metadata } = await cluster.client.get(pipelines, { namespace, name });
        return metadata.finalizers !== undefined;
      });
    }
    await using _ = await start(namespace);
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
  });

  test('and all children need no write when the operator restarts', async () => {
    const { namespace, operator } = await settled();
    await operator[Symbol.asyncDispose]();
    await using next = await start(namespace);
    await next.whenIdle();
    // The first list of Kafka's namespace causes one more pass.
    await untilCondition(cluster.client, namespace, 'KafkaReady', 'Unknown NotReported');
    await next.whenIdle();
    assert.deepEqual(next.writes, []);
  });

  test('that another client removed are written again', async () => {
    const { namespace, operator } = await settled();
    await using _ = operator;
    await cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'sump',
      name,
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    );
    await eventually('the finalizer', async () => {
      const { metadata } = await cluster.client.get(pipelines, { namespace, name });
      return metadata.finalizers?.includes(topicFinalizer) === true || metadata;
    });
  });
});

describe('a pipeline that is deleted', () => {
  test('releases its topic with its data, and is deleted even if no Topic Operator runs', async () => {
    const { namespace, topic, operator } = await settled();
    await using _ = operator;
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    const { metadata } = await cluster.client.get(kafkaTopics, topic);
    assert.equal(metadata.annotations?.['strimzi.io/managed'], 'false');
    assert.notEqual(metadata.deletionTimestamp, undefined, 'deleted, and held by its own finalizer alone');
    assert.deepEqual(metadata.finalizers, ['strimzi.io/topic-operator']);
    await untilTold(operator, 'Retained', topic.name);
  });

  test('is deleted although the client that restored it owns the finalizer too', async () => {
    const { namespace, topic, operator } = await settled();
    await using _ = operator;
    const dump = {
      apiVersion: 'sumpipeline.dev/v1alpha1',
      kind: 'SumPipeline',
      metadata: { namespace, name, finalizers: [topicFinalizer] },
    };
    await cluster.client.apply(pipelines, dump, { fieldManager: 'restore', force: true });
    await operator.whenIdle();
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    await untilTopic(topic, 'released');
  });

  test('is created again while its old topic is still being deleted: it runs at once, and gets a new topic later', async () => {
    const { kafka, namespace, topic, operator } = await settled();
    await using _ = operator;
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    const before = await cluster.client.get(deployments, { namespace, name: `${name}-aggregator` });
    const again = await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
    const message = await untilCondition(cluster.client, namespace, 'KafkaReady', 'False TopicBeingDeleted');
    assert.match(message, /its data is kept/);
    const workload = await cluster.client.get(deployments, { namespace, name: `${name}-aggregator` });
    assert.equal(workload.metadata.uid, before.metadata.uid);
    assert.deepEqual(
      workload.metadata.ownerReferences?.map(({ uid }) => uid),
      [again.metadata.uid],
    );

    await letTopicGo(cluster.client, topic);
    await eventually('a topic of its own', async () => {
      const live = await cluster.client.find(kafkaTopics, topic);
      return (live !== undefined && live.metadata.deletionTimestamp === undefined) || live?.metadata;
    });
    const live = await cluster.client.get(kafkaTopics, topic);
    assert.equal(live.metadata.annotations?.['strimzi.io/managed'], undefined);
  });

  test('is deleted although another client keeps removing the annotation that keeps its topic', async () => {
    const { namespace, topic, operator } = await settled();
    await using _ = operator;
    let writes = 0;
    operator.beforeRequest = async ({ context, method }) => {
      if (context.kind !== 'KafkaTopic' || method !== 'DELETE' || writes === 3) return;
      writes += 1;
      const patch = { metadata: { annotations: { 'strimzi.io/managed': null } } };
      await cluster.client.mergePatch(kafkaTopics, topic, patch, { fieldManager: 'other-client' });
    };
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    assert.equal(writes, 3);
    await untilTopic(topic, 'released');
  });

  test('is deleted although the permission for its topic was removed: the topic is left as it is, and an event says so', async () => {
    let lateMs = 0;
    const { kafka, namespace, topic, operator } = await settled({ wallMs: () => Date.now() + lateMs });
    await using _ = operator;
    await cluster.kubectl('delete', '-n', kafka, 'rolebinding', '--all');
    await eventually('the right to be gone', async () => {
      const user = 'system:serviceaccount:sumpipeline-system:sumpipeline-operator';
      const may = cluster.kubectl('auth', 'can-i', 'get', 'kafkatopics', '-n', kafka, `--as=${user}`);
      return !(await may.then(
        () => true,
        () => false,
      ));
    });
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    const message = await untilCondition(cluster.client, namespace, 'Reconciling', 'True DeletionBlocked');
    assert.match(message, /KafkaTopic of the SumPipeline cannot be released yet: .*forbidden/);
    lateMs = 31_000;
    await pipelineIsGone(namespace, 20_000);
    await untilTold(operator, 'TopicLeft', topic.name);
    const { metadata } = await cluster.client.get(kafkaTopics, topic);
    assert.equal(metadata.deletionTimestamp, undefined);
  });

  test('does not touch a foreign KafkaTopic that took the place of its own', async () => {
    const { namespace, topic, operator } = await settled();
    await using _ = operator;
    await operator[Symbol.asyncDispose]();
    const { metadata } = await cluster.client.get(kafkaTopics, topic);
    await letTopicGo(cluster.client, topic);
    await cluster.client.delete(kafkaTopics, topic, { uid: metadata.uid });
    await createStrangersTopic(topic);
    const before = await cluster.client.get(kafkaTopics, topic);
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await using __ = await start(namespace);
    await pipelineIsGone(namespace, 20_000);
    assert.deepEqual(await cluster.client.get(kafkaTopics, topic), before);
  });
});

describe('a KafkaTopic that another client', () => {
  test('deletes is annotated at once, so that the data stays, and made again when it is gone', async () => {
    const { topic, operator } = await settled();
    await using _ = operator;
    const { metadata } = await cluster.client.get(kafkaTopics, topic);
    await cluster.kubectl('-n', topic.namespace, 'delete', 'kafkatopic', topic.name, '--wait=false');
    await untilTopic(topic, 'released');
    await letTopicGo(cluster.client, topic);
    await eventually('a new topic', async () => {
      const live = await cluster.client.find(kafkaTopics, topic);
      return (live !== undefined && live.metadata.uid !== metadata.uid) || live?.metadata;
    });
  });

  test('changes is corrected', async () => {
    const { topic, operator } = await settled();
    await using _ = operator;
    const patch = { spec: { config: { 'retention.ms': '1000', 'segment.bytes': '1048576' } } };
    await cluster.client.mergePatch(kafkaTopics, topic, patch, { fieldManager: 'other-client' });
    await eventually('the retention', async () => {
      const live = JSON.parse(
        await cluster.kubectl('-n', topic.namespace, 'get', 'kafkatopic', topic.name, '-o', 'json'),
      );
      const { config } = live.spec;
      return (config['retention.ms'] === '-1' && config['segment.bytes'] === '1048576') || config;
    });
  });

  test('creates between our check and our apply loses our fields and stays foreign', async () => {
    const kafka = await runKafka();
    const namespace = await cluster.createNamespace();
    const topic = { namespace: kafka, name: `${namespace}.${name}` };
    await using operator = await start(namespace);
    let isMade = false;
    operator.beforeRequest = async ({ context }) => {
      if (isMade || context.verb !== 'apply' || context.kind !== 'KafkaTopic') return;
      isMade = true;
      await createStrangersTopic(topic);
    };
    await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
    await untilCondition(cluster.client, namespace, 'Stalled', 'True NameConflict');
    await operator.whenIdle();
    const before = await cluster.client.get(kafkaTopics, topic);
    // Start another pass.
    await cluster.kubectl('-n', namespace, 'annotate', 'sump', name, 'look=again');
    await operator.whenIdle();
    await untilCondition(cluster.client, namespace, 'Stalled', 'True NameConflict');
    assert.deepEqual(await cluster.client.get(kafkaTopics, topic), before);
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    assert.deepEqual(await cluster.client.get(kafkaTopics, topic), before);
  });

  test('made under our name is a conflict, and stays when the pipeline is deleted', async () => {
    const kafka = await runKafka();
    const namespace = await cluster.createNamespace();
    const topic = { namespace: kafka, name: `${namespace}.${name}` };
    await createStrangersTopic(topic);
    const before = await cluster.client.get(kafkaTopics, topic);
    await using operator = await start(namespace);
    await applyPipeline(cluster.client, strimziDraftIn(namespace, kafka));
    const message = await untilCondition(cluster.client, namespace, 'Stalled', 'True NameConflict');
    assert.match(message, /KafkaTopic .* exists and does not belong to SumPipeline/);
    await operator.whenIdle();
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name, '--wait=false');
    await pipelineIsGone(namespace, 20_000);
    assert.deepEqual(await cluster.client.get(kafkaTopics, topic), before);
  });
});
