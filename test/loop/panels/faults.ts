import { randomUUID } from 'node:crypto';
import { labelKeys } from '#contract/labels.ts';
import { childName } from '#contract/names.ts';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { createKafkaClient } from '#lab/load/kafkaClient.ts';
import { type Run, rates } from '#test/loop/scenario.ts';

/** A fault that the panels of errors must show. The test causes it in a running pipeline. */
export interface Fault {
  /** Text of the mark in the plot. */
  readonly title: string;
  begin(run: Run): Promise<void>;
  /** Seconds until the next fault begins. A rate over one minute shows the fault for longer. */
  readonly seconds: number;
}

const seconds = 15;
/**
 * How long the last fault lasts, in seconds: two scrapes at 15 s intervals and an evaluation of the rules must see
 * it.
 */
const lastSeconds = 50;
export const haltedPartition = 3;
/** How long Kafka hangs, in seconds: longer than the 10 s within which a call gets a response. */
const hangSeconds = 15;
const webhook = 'sumpipeline-loop-panels';
export const blocked = 'blocked';

/** The pipeline that gets the faults. */
type Target = Pick<Run, 'lab' | 'pipeline'>;

/** Changes of the load that make the panels of autoscaling change. */
export const loads: readonly Fault[] = [
  {
    title: `${rates.high}/s`,
    async begin({ load }) {
      load.setRate(rates.high);
    },
    seconds: 60,
  },
  {
    title: `${rates.low}/s`,
    async begin({ load }) {
      load.setRate(rates.low);
    },
    seconds,
  },
];

export const faults: readonly Fault[] = [
  { title: 'an aggregator killed', begin: killAggregator, seconds },
  { title: `Kafka hangs for ${hangSeconds} s`, begin: ({ lab }) => lab.parts.freezeKafka(hangSeconds * 1000), seconds },
  { title: 'PostgreSQL killed', begin: ({ lab }) => lab.parts.killPostgres(), seconds },
  { title: 'records of a foreign producer', begin: produceForeign, seconds },
  { title: 'a webhook for Deployments does not respond', begin: blockWrites, seconds },
  { title: 'the webhook removed', begin: unblockWrites, seconds },
  { title: 'a pipeline whose name is taken by a foreign Deployment', begin: addBlockedPipeline, seconds },
  { title: 'a watched kind installed', begin: installKind, seconds },
  { title: 'the watched kind removed', begin: removeKind, seconds },
  {
    title: `partition ${haltedPartition} halted`,
    begin: ({ load }) => load.halt(haltedPartition),
    seconds: lastSeconds,
  },
];

/** Sends every wrong request that the panels show, and every kind of read, once. Called every second. */
export async function misuse({ calculatorUrl, aggregatorUrl }: Run['pipeline']): Promise<void> {
  const requestId = randomUUID();
  const add = (body: object) => ask(`${calculatorUrl}/v1/additions`, { method: 'POST', body: JSON.stringify(body) });
  const addition = { requestId, series: 'panels', a: '1', b: '2' };
  await add(addition);
  await add(addition);
  await add({ ...addition, b: '3' });
  await add({ ...addition, requestId: randomUUID(), a: 'one' });
  await ask(`${calculatorUrl}/nothing`);
  for (const path of ['totals', 'totals/panels', `additions/${requestId}`, 'proof'])
    await ask(`${aggregatorUrl}/v1/${path}`);
}

/** Sends a request and ignores the response: the panels show it. */
async function ask(url: string, init: RequestInit = {}): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await fetch(url, { ...init, headers, signal: AbortSignal.timeout(15_000) })
    .then((answer) => answer.text())
    .catch(() => '');
}

async function killAggregator({ lab, pipeline }: Run): Promise<void> {
  const { namespace, name } = pipeline.ref;
  const where = ['-n', namespace, '-l', `${labelKeys.name}=${name},${labelKeys.component}=aggregator`];
  await lab.kubectl.run(['delete', 'pods', ...where, '--grace-period=0', '--force', '--wait=false']);
}

/** Produces two foreign records: a counted request id with other operands, and bytes that are not a record. */
async function produceForeign({ lab, pipeline }: Run): Promise<void> {
  const producer = createKafkaClient(lab.parts).producer({ idempotent: false });
  await producer.connect();
  try {
    const requestId = randomUUID();
    const messages = ['1', '2'].map((a) => {
      const { key, value, headers } = encodeRecord(parseAddition({ requestId, series: 'panels', a, b: '0' }));
      return { key: Buffer.from(key), value: Buffer.from(value), headers, partition: 0 };
    });
    await producer.send({ topic: pipeline.topic, acks: -1, messages });
    await producer.send({ topic: pipeline.topic, acks: -1, messages: [{ value: 'not a record', partition: 1 }] });
  } finally {
    await producer.disconnect();
  }
}

/** Makes the API server return 500 for every write of a Deployment in the namespace, and causes such a write. */
export async function blockWrites({ lab, pipeline }: Target): Promise<void> {
  const { namespace } = pipeline.ref;
  await lab.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: webhook },
    webhooks: [
      {
        name: 'panels.loop.sumpipeline.dev',
        clientConfig: { url: 'https://127.0.0.1:1/' },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        rules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 2,
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  await pipeline.patch({ calculator: { resources: { requests: { cpu: '60m' } } } });
}

export async function unblockWrites({ lab }: Target): Promise<void> {
  await lab.kubectl.run(['delete', 'validatingwebhookconfiguration', webhook]);
}

/** Adds a pipeline that stalls: the Deployment of its calculators already exists and is foreign. */
export async function addBlockedPipeline({ lab, pipeline }: Target): Promise<void> {
  const { namespace } = pipeline.ref;
  const name = childName.workload({ namespace, name: blocked }, 'calculator');
  const labels = { app: 'foreign' };
  await lab.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'foreign', image: 'foreign' }] } },
    },
  });
  const text = await lab.kubectl.run(['-n', namespace, 'get', 'sumpipeline', pipeline.ref.name, '-o', 'json']);
  const { apiVersion, kind, spec } = JSON.parse(text);
  await lab.apply({ apiVersion, kind, metadata: { name: blocked, namespace }, spec });
}

/** KEDA's kind: the operator watches it in every cluster that has it. */
const watchedKind = {
  group: 'keda.sh',
  names: { kind: 'ScaledObject', plural: 'scaledobjects', singular: 'scaledobject', listKind: 'ScaledObjectList' },
};
const watchedCrd = `${watchedKind.names.plural}.${watchedKind.group}`;

async function installKind({ lab }: Run): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await lab.apply({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: watchedCrd },
    spec: {
      ...watchedKind,
      scope: 'Namespaced',
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  });
}

async function removeKind({ lab }: Run): Promise<void> {
  await lab.kubectl.run(['delete', 'crd', watchedCrd]);
}
