import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strimziCrds } from '#lab/crds/strimzi.ts';
import { waitFor } from '#lab/process/wait.ts';
import { topicFinalizer } from '#operator/api/annotations.ts';
import { kafkaTopics } from '#operator/reconcile/resources.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import {
  apply,
  createNamespace,
  draftIn,
  readTotals,
  type Said,
  secretsOf,
  untilReady,
  untilSays,
} from '#test/e2e/pipelines.ts';
import { createTopic } from '#test/e2e/servers.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { letTopicGo, takeUpTopic } from '#test/support/standIns.ts';

const namespace = 'shop';
const kafkaNamespace = 'kafka';
const topic = { namespace: kafkaNamespace, name: 'shop.orders' };

/**
 * Tests with Strimzi's API but without its operators: the Kafka is ours, and the test writes what they would write.
 */
export function strimzi(fixture: () => Fixture): void {
  const draft = async () =>
    draftIn(namespace, {
      'kafka.bootstrapServers': undefined,
      'kafka.tls': undefined,
      'kafka.cluster': { name: 'main', namespace: kafkaNamespace, listener: 'scram' },
    });
  const says = (reason: string, message: Said['message']) =>
    untilSays(fixture().client, namespace, 'KafkaReady', { status: 'False', reason, message }, 30_000);

  test('the status names each missing step to a Strimzi Kafka of another namespace, and then the pipeline counts', async () => {
    const { system, client, access } = fixture();
    const { kubectl } = system;
    await createNamespace(system, namespace);
    await createNamespace(system, kafkaNamespace);
    await apply(system, ...secretsOf(await draft(), access), await draft());

    await says(
      'CRDNotInstalled',
      'kafka.strimzi.io/v1 is not installed: install Strimzi, or delete the SumPipeline (its data is kept) and create it again with spec.kafka.bootstrapServers',
    );
    await kubectl.run(['create', ...(await strimziCrds()).files.flatMap((file) => ['-f', file])]);
    await says(
      'AccessForbidden',
      'the operator has no permission to read Kafka kafka/main: as an owner of namespace kafka, run "kubectl apply -k manifests/kafka-access -n kafka"',
    );
    const role = await system.shell('kubectl apply -k manifests/kafka-access -n kafka');
    assert.equal(role.code, 0, role.stderr);
    await says(
      'KafkaNotFound',
      'Kafka kafka/main does not exist: create it, or delete the SumPipeline and create it again with the right spec.kafka.cluster',
    );
    await apply(system, kafka);
    await says(
      'NotPermitted',
      'Kafka kafka/main does not permit pipelines of namespace shop: add the namespace to the annotation sumpipeline.dev/allowed-namespaces of the Kafka',
    );
    assert.equal(await kubectl.run(['-n', namespace, 'get', 'deployments', '-o', 'name']), '');
    const consent = 'sumpipeline.dev/allowed-namespaces=billing,shop';
    await kubectl.run(['-n', kafkaNamespace, 'annotate', 'kafka', 'main', consent]);
    await says('KafkaNotReady', 'Kafka kafka/main has published no address for listener scram yet');
    const status = {
      listeners: [{ name: 'scram', bootstrapServers: access.kafka.brokers[0], certificates: [access.kafkaCaPem] }],
    };
    const patch = ['patch', 'kafka', 'main', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await kubectl.run(['-n', kafkaNamespace, ...patch]);
    await says(
      'TopicPending',
      "KafkaTopic shop.orders: waiting for Strimzi's Topic Operator; check that the Topic Operator is running",
    );
    const made = await client.get(kafkaTopics, topic);
    assert.equal(made.metadata.ownerReferences, undefined);
    assert.equal(made.metadata.labels?.['strimzi.io/cluster'], 'main');

    await createTopic(access, 'shop.orders', 2);
    await takeUpTopic(client, topic);
    await untilReady(client, namespace);
    const added = await system.sumctl(['add', '-f', 'manifests/samples/additions.csv', '-n', namespace]);
    assert.equal(added.code, 0, added.stderr);
  });

  test('without any Strimzi operator a pipeline is deleted within a minute, releases its topic and keeps the data', async () => {
    const { system, client, access } = fixture();
    const { kubectl } = system;
    const before = await untilCounted(fixture());
    const finalizers = ['-n', namespace, 'get', 'sump', 'orders', '-o', 'jsonpath={.metadata.finalizers}'];
    assert.equal(await kubectl.run(finalizers), JSON.stringify([topicFinalizer]));
    await kubectl.run(['-n', namespace, 'delete', 'sump', 'orders', '--timeout=60s']);
    // The Topic Operator's finalizer keeps the KafkaTopic, so the test sees it as the Topic Operator would find it.
    const left = await client.get(kafkaTopics, topic);
    assert.equal(left.metadata.annotations?.['strimzi.io/managed'], 'false');
    assert.ok(left.metadata.deletionTimestamp);

    await apply(system, await draft());
    await says(
      'TopicBeingDeleted',
      'KafkaTopic shop.orders is being deleted; its data is kept, and the operator re-creates it afterwards',
    );
    await letTopicGo(client, topic);
    await waitFor({ what: 'a new KafkaTopic', timeoutMs: 30_000, intervalMs: 200 }, async () => {
      const live = await client.find(kafkaTopics, topic);
      return live !== undefined && live.metadata.uid !== left.metadata.uid ? true : undefined;
    });
    assert.equal((await client.get(kafkaTopics, topic)).metadata.annotations?.['strimzi.io/managed'], undefined);
    await takeUpTopic(client, topic);
    await untilReady(client, namespace);
    assert.deepEqual(await readTotals(system, namespace), before);
    assert.equal([...(await auditLog(access.kafka, 'shop.orders')).values()].flat().length, 200);
  });

  test('a KafkaTopic without a finalizer is deleted with its SumPipeline, and the topic stays in Kafka', async () => {
    const { system, client, access } = fixture();
    // Remove the finalizer, as if no operator of Strimzi had ever seen the KafkaTopic.
    await client.mergePatch(kafkaTopics, topic, { metadata: { finalizers: null } }, { fieldManager: 'person' });
    await system.kubectl.run(['-n', namespace, 'delete', 'sump', 'orders', '--timeout=60s']);
    assert.equal(await client.find(kafkaTopics, topic), undefined);
    assert.equal([...(await auditLog(access.kafka, 'shop.orders')).values()].flat().length, 200);
  });

  test('a strict dry run of the server accepts every child that sumctl render writes', async () => {
    const line =
      'npx sumctl render -f manifests/samples/pipeline-strimzi.yaml | kubectl apply -f - --server-side --dry-run=server --validate=strict';
    const ran = await fixture().system.shell('set -o pipefail', line);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^kafkatopic\.kafka\.strimzi\.io\/shop\.orders serverside-applied \(server dry run\)$/m);
    assert.match(ran.stdout, /^servicemonitor\.monitoring\.coreos\.com\/orders-aggregator serverside-applied/m);
  });
}

const kafka = {
  apiVersion: 'kafka.strimzi.io/v1',
  kind: 'Kafka',
  metadata: { name: 'main', namespace: kafkaNamespace },
  spec: {
    kafka: {
      listeners: [
        { name: 'scram', port: 9094, type: 'internal', tls: true, authentication: { type: 'scram-sha-512' } },
      ],
    },
  },
};

async function untilCounted({ system }: Fixture): Promise<Map<string, { total: string; count: string }>> {
  return waitFor({ what: '200 additions to be counted', timeoutMs: 30_000, intervalMs: 500 }, async () => {
    const totals = await readTotals(system, namespace);
    const count = [...totals.values()].reduce((sum, one) => sum + Number(one.count), 0);
    return count === 200 ? totals : undefined;
  });
}
