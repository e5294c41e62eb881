import { z } from 'zod';
import type { Component } from '#contract/names.ts';
import { childName, defaultSchema } from '#contract/names.ts';
import { createCa } from '#lab/certificates/pki.ts';
import type { Load } from '#lab/load/directLoad.ts';
import { createKafkaClient } from '#lab/load/kafkaClient.ts';
import { operatorName, operatorNamespace } from '#operator/desired/childKinds.ts';
import type { Lab } from '#test/loop/lab.ts';
import { addBlockedPipeline, blocked, blockWrites, unblockWrites } from '#test/loop/panels/faults.ts';
import type { LoopPipeline } from '#test/loop/pipeline.ts';
import { rates } from '#test/loop/scenario.ts';
import { inBooks, lockPartition, openDatabase, slowBooks } from './books.ts';

/** The objects that a step works with. */
export interface Scene {
  readonly lab: Lab;
  readonly pipeline: LoopPipeline;
  readonly load: Load;
}

/** An action, and the alerts that must fire or end because of it. */
export interface Step {
  readonly cause: string;
  act(scene: Scene): Promise<void>;
  readonly firing?: readonly string[];
  readonly silent?: readonly string[];
}

const [parkedPartition, lockedPartition, haltedPartition, hotPartition] = [0, 1, 2, 3];
let unlock: () => Promise<void> = async () => {};
let endTransaction: () => Promise<void> = async () => {};

/** Lifetime, in days, of the CA that a step adds to the Secret of Kafka's CA. */
const certificateDays = 5;

/** The steps in order. Burn rates include everything that happened before, so the causes of burn rates come first. */
export const steps: readonly Step[] = [
  {
    cause: 'Kafka hangs for 60 s',
    act: ({ lab }) => lab.parts.freezeKafka(60_000),
    firing: [
      'SumPipelineAvailabilityBurnsFast',
      'SumPipelineAvailabilityBurnsSlow',
      'SumPipelineAcknowledgementBurnsFast',
      'SumPipelineAcknowledgementBurnsSlow',
    ],
  },
  {
    cause: 'no aggregator runs',
    async act(scene) {
      scene.load.setRate(rates.high);
      await scale(scene, 'aggregator', 0);
    },
    firing: ['SumPipelineAggregatorsDown', 'SumPipelinePartitionUnowned'],
  },
  {
    cause: 'no calculator runs either',
    act: ({ pipeline }) => pipeline.patch({ calculator: { replicas: 0 } }),
    firing: ['SumPipelineCalculatorsDown', 'SumPipelineAutoscalingBlind'],
  },
  {
    cause: 'both run again, records have waited, and PostgreSQL is the limit',
    async act(scene) {
      await slowBooks(scene.lab.parts, schemaOf(scene), true);
      await scene.pipeline.patch({ calculator: { replicas: 1 }, aggregator: { autoscaling: { max: 2 } } });
      await scale(scene, 'aggregator', 1);
    },
    firing: [
      'SumPipelineFreshnessBurnsFast',
      'SumPipelineFreshnessBurnsSlow',
      'SumPipelineAutoscalingAtMaximum',
      'SumPipelineAutoscalingIneffective',
    ],
    silent: [
      'SumPipelineAggregatorsDown',
      'SumPipelinePartitionUnowned',
      'SumPipelineCalculatorsDown',
      'SumPipelineAutoscalingBlind',
    ],
  },
  {
    cause: 'PostgreSQL is no longer the limit, and six aggregators are allowed',
    async act(scene) {
      scene.load.setRate(rates.low);
      await slowBooks(scene.lab.parts, schemaOf(scene), false);
      await scene.pipeline.patch({ aggregator: { autoscaling: { max: 6 } } });
    },
    silent: [
      'SumPipelineAutoscalingIneffective',
      'SumPipelineAutoscalingAtMaximum',
      'SumPipelineAvailabilityBurnsFast',
      'SumPipelineAvailabilityBurnsSlow',
      'SumPipelineAcknowledgementBurnsFast',
      'SumPipelineAcknowledgementBurnsSlow',
    ],
  },
  {
    cause: 'one partition gets all records',
    async act({ load }) {
      load.setPartitions([hotPartition]);
      load.setRate(rates.high);
    },
    firing: ['SumPipelineHotPartition'],
  },
  {
    cause: 'all partitions get records again',
    async act({ load }) {
      load.setPartitions(undefined);
      load.setRate(rates.low);
    },
    silent: ['SumPipelineHotPartition', 'SumPipelineFreshnessBurnsFast', 'SumPipelineFreshnessBurnsSlow'],
  },
  {
    cause: 'a foreign producer begins a transaction and does not end it',
    async act({ lab, pipeline }) {
      endTransaction = await beginTransaction(lab.parts, pipeline.topic, parkedPartition);
    },
    firing: ['SumPipelinePartitionStuck'],
  },
  {
    cause: 'the transaction ends; its record is foreign',
    act: () => endTransaction(),
    firing: ['SumPipelineRecordsParked', 'SumPipelineNotExact'],
    silent: ['SumPipelinePartitionStuck'],
  },
  {
    cause: 'record and marker removed from PostgreSQL by hand (there is no command for it yet)',
    act: (scene) =>
      inBooks(scene.lab.parts, schemaOf(scene), [
        'UPDATE partitions SET expired = expired + parked, parked = 0',
        'DELETE FROM parked',
      ]),
    silent: ['SumPipelineRecordsParked', 'SumPipelineNotExact'],
  },
  {
    cause: 'a record of a newer version',
    act: ({ load }) => load.halt(haltedPartition),
    firing: ['SumPipelinePartitionHalted'],
  },
  {
    cause: 'the record skipped by hand, and the aggregators restarted (there is no command for it yet)',
    async act(scene) {
      await inBooks(scene.lab.parts, schemaOf(scene), [
        `UPDATE partitions SET next_offset = next_offset + 1, expired = expired + 1 WHERE partition = ${haltedPartition}`,
      ]);
      await restart(scene, 'aggregator');
    },
    silent: ['SumPipelinePartitionHalted'],
  },
  {
    cause: 'another session locks the row of one partition in PostgreSQL',
    async act(scene) {
      unlock = await lockPartition(scene.lab.parts, schemaOf(scene), lockedPartition);
    },
    firing: ['SumPipelinePartitionUnowned'],
  },
  { cause: 'that session ends', act: () => unlock(), silent: ['SumPipelinePartitionUnowned'] },
  {
    cause: 'min.insync.replicas of the topic set to 1',
    act: (scene) => setMinInSyncReplicas(scene, 1),
    firing: ['SumPipelineDurabilityWeak'],
  },
  {
    cause: 'min.insync.replicas of the topic set to 2',
    act: (scene) => setMinInSyncReplicas(scene, 2),
    silent: ['SumPipelineDurabilityWeak'],
  },
  {
    cause: 'PostgreSQL accepts no connection, and the aggregators are new',
    async act(scene) {
      await openDatabase(scene.lab.parts, false);
      await restart(scene, 'aggregator');
    },
    firing: ['SumPipelineNotVerified'],
  },
  {
    cause: 'PostgreSQL accepts connections',
    act: ({ lab }) => openDatabase(lab.parts, true),
    silent: ['SumPipelineNotVerified'],
  },
  {
    cause: `a CA of ${certificateDays} days added to the Secret of Kafka's CA`,
    async act(scene) {
      const { certPem } = await createCa('alerts', { validDays: certificateDays });
      await writeKafkaCa(scene, scene.lab.parts.kafkaCaPem + certPem);
    },
    firing: ['SumPipelineCertificateExpires'],
  },
  {
    cause: 'that CA removed',
    act: (scene) => writeKafkaCa(scene, scene.lab.parts.kafkaCaPem),
    silent: ['SumPipelineCertificateExpires'],
  },
  {
    cause: 'a webhook refuses every Deployment',
    act: blockWrites,
    firing: ['SumPipelineOperatorFailing'],
  },
  { cause: 'the webhook removed', act: unblockWrites, silent: ['SumPipelineOperatorFailing'] },
  {
    cause: 'a pipeline whose name is taken by a foreign Deployment',
    act: addBlockedPipeline,
    firing: ['SumPipelineStalled'],
  },
  {
    cause: 'that pipeline deleted',
    async act({ lab, pipeline }) {
      await lab.kubectl.run(['-n', pipeline.ref.namespace, 'delete', 'sumpipeline', blocked, '--wait=false']);
    },
    silent: ['SumPipelineStalled'],
  },
  { cause: 'no operator runs', act: (scene) => scaleOperator(scene, 0), firing: ['SumPipelineOperatorNotLeading'] },
  { cause: 'two operators run', act: (scene) => scaleOperator(scene, 2), silent: ['SumPipelineOperatorNotLeading'] },
];

/** Alerts that no step provokes, and why. */
export const notProvoked: Readonly<Record<string, string>> = {
  SumPipelineOperatorNotReconciling:
    'every pass ends after two minutes at most: only a bug could block the queue for ten',
};

/** Commands of runbooks that cannot be run here, by a part of the command, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  'NAME-kafka-ca': 'the ConfigMap exists with Strimzi only; the other command is for the Secret',
  'kafka-acls.sh': 'the Kafka of the lab has no authorizer',
};

/** Returns the values of the words in capitals in the runbooks. */
export async function wordsOf(scene: Scene): Promise<Record<string, string>> {
  const { lab, pipeline } = scene;
  const store = new URL(lab.parts.storeUri);
  return {
    NAMESPACE: pipeline.ref.namespace,
    NAME: pipeline.ref.name,
    SCHEMA: schemaOf(scene),
    SECRET: (await readKafkaCaRef(scene)).name,
    'BROKER:PORT': lab.parts.bootstrapServers.split(',')[0] ?? '',
    'HOST:5432': store.host,
  };
}

function schemaOf({ pipeline }: Scene): string {
  return defaultSchema(pipeline.ref);
}

async function scale({ lab, pipeline }: Scene, component: Component, replicas: number): Promise<void> {
  const deployment = childName.workload(pipeline.ref, component);
  await lab.kubectl.run(['-n', pipeline.ref.namespace, 'scale', 'deployment', deployment, `--replicas=${replicas}`]);
}

async function scaleOperator({ lab }: Scene, replicas: number): Promise<void> {
  await lab.kubectl.run(['-n', operatorNamespace, 'scale', 'deployment', operatorName, `--replicas=${replicas}`]);
}

async function restart({ lab, pipeline }: Scene, component: Component): Promise<void> {
  const deployment = `deployment/${childName.workload(pipeline.ref, component)}`;
  const pods = ['-l', `sumpipeline.dev/name=${pipeline.ref.name},sumpipeline.dev/component=${component}`];
  // Delete the pods instead of a rolling restart: the operator would remove the annotation that starts the restart,
  // and old pods would wait for the new ones.
  await lab.kubectl.run(['-n', pipeline.ref.namespace, 'delete', 'pods', ...pods, '--wait=false']);
  await lab.kubectl.run(['-n', pipeline.ref.namespace, 'get', deployment]);
}

/** Writes the CA into the Secret that the pipeline names. The kubelet updates the pods within a minute or two. */
async function writeKafkaCa({ lab, pipeline }: Scene, caPem: string): Promise<void> {
  const { name, key } = await readKafkaCaRef({ lab, pipeline });
  const patch = JSON.stringify({ stringData: { [key]: caPem } });
  await lab.kubectl.run(['-n', pipeline.ref.namespace, 'patch', 'secret', name, '--type=merge', '-p', patch]);
}

const caRefSchema = z.object({
  spec: z.object({
    kafka: z.object({ tls: z.object({ caSecretRef: z.object({ name: z.string(), key: z.string() }) }) }),
  }),
});

async function readKafkaCaRef({ lab, pipeline }: Pick<Scene, 'lab' | 'pipeline'>) {
  const { namespace, name } = pipeline.ref;
  const text = await lab.kubectl.run(['-n', namespace, 'get', 'sumpipeline', name, '-o', 'json']);
  return caRefSchema.parse(JSON.parse(text)).spec.kafka.tls.caSecretRef;
}

/** Writes one record in a transaction that stays open until the returned function is called. */
async function beginTransaction(parts: Lab['parts'], topic: string, partition: number): Promise<() => Promise<void>> {
  const producer = createKafkaClient(parts).producer({
    transactionalId: 'alerts',
    transactionTimeout: transactionMs,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, acks: -1, messages: [{ value: 'not a record', partition }] });
  return async () => {
    await transaction.commit();
    await producer.disconnect();
  };
}

/** Timeout of the transaction, in milliseconds: longer than a step may take. */
const transactionMs = 840_000;

async function setMinInSyncReplicas({ lab, pipeline }: Scene, replicas: number): Promise<void> {
  const admin = createKafkaClient(lab.parts).admin();
  await admin.connect();
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicResource, name: pipeline.topic }],
    });
    // kafkajs replaces all settings of the topic, so the settings that differ from the defaults are written again.
    const own = (resources[0]?.configEntries ?? []).filter(({ configSource }) => configSource === topicSource);
    const kept = own.filter(({ configName }) => configName !== minInSync);
    const entries = kept.map(({ configName, configValue }) => ({ name: configName, value: configValue }));
    const configEntries = [...entries, { name: minInSync, value: String(replicas) }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: topicResource, name: pipeline.topic, configEntries }],
    });
  } finally {
    await admin.disconnect();
  }
}

const minInSync = 'min.insync.replicas';
/** Kafka's numbers for "a topic" and "set on the topic itself". */
const topicResource = 2;
const topicSource = 1;
