import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Component, childName, components } from '#contract/names.ts';
import type { Verdict } from '#contract/verdict.ts';
import { configMaps } from '#kube/testing/kinds.ts';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import { verdict } from '#operator/observe/testing/samples.ts';
import { deployments, prometheuses } from '#operator/reconcile/resources.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  draftIn,
  findCondition,
  findStatus,
  name,
  type OperatorCluster,
  resourceFor,
  startOperatorCluster,
  untilCondition,
} from '#test/support/operatorCluster.ts';
import { startOperator, stopOperators } from '#test/support/operatorInProcess.ts';
import { reportDeployment, reportPod, writeVerdict } from '#test/support/standIns.ts';

const serviceMonitors = resourceFor('monitoring.coreos.com/v1', 'ServiceMonitor', 'servicemonitors');

let cluster: OperatorCluster;
before(async () => {
  cluster = await startOperatorCluster();
});
afterEach(stopOperators);
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

const start = (namespace: string) => startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace });

/** Makes a pipeline that looks rolled out: one ready pod for each component, and a verdict. */
async function rolledOut(options: { change?: Parameters<typeof draftIn>[1]; said?: Partial<Verdict> } = {}) {
  const namespace = await cluster.createNamespace();
  const operator = await start(namespace);
  await applyPipeline(cluster.client, draftIn(namespace, options.change));
  await operator.whenIdle();
  for (const component of components) {
    await podOf(namespace, component, { ready: true });
    await reportDeployment(cluster.client, workloadOf(namespace, component));
  }
  await say(namespace, 'aggregator-1', options.said);
  await operator.whenIdle();
  return { namespace, operator };
}

const workloadOf = (namespace: string, component: Component) => ({
  namespace,
  name: childName.workload({ namespace, name }, component),
});

const podOf = (
  namespace: string,
  component: Component,
  more: { ready: boolean; waiting?: object; lastState?: object; number?: number },
) =>
  reportPod(cluster.client, {
    namespace,
    pipeline: name,
    component,
    name: `${component}-${more.number ?? 1}`,
    ...more,
  });

const say = (namespace: string, pod: string, said: Partial<Verdict> = {}) =>
  writeVerdict(cluster.client, { namespace, pipeline: name, pod }, verdict(said));

async function said(namespace: string): Promise<Record<string, string>> {
  const { conditions = [] } = await findStatus(cluster.client, namespace);
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

test('a pipeline that runs is ready and exact, in its conditions and in the columns of kubectl', async () => {
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  assert.deepEqual(await said(namespace), {
    Ready: 'True Ready',
    Reconciling: 'False Done',
    Stalled: 'False NotStalled',
    KafkaReady: 'True Connected',
    WorkloadsReady: 'True Ready',
    AutoscalingActive: 'False NotConfigured',
    ObservabilityReady: 'True Disabled',
    TotalExact: 'True Exact',
    DurabilityWeak: 'False Durable',
    Drifted: 'False None',
  });
  const [header = '', row = ''] = (await cluster.kubectl('-n', namespace, 'get', 'sump')).trim().split('\n');
  assert.deepEqual(header.split(/\s+/), ['NAME', 'READY', 'REASON', 'CALCULATORS', 'AGGREGATORS', 'EXACT', 'AGE']);
  assert.deepEqual(row.split(/\s+/).slice(0, 6), [name, 'True', 'Ready', '1/1', '1/1', 'True']);
  const status = await findStatus(cluster.client, namespace);
  assert.equal(status.observedGeneration, 1);
  assert.equal(status.calculator?.endpoints?.http, `http://${name}-calculator.${namespace}.svc:8080`);
  await cluster.kubectl('-n', namespace, 'wait', 'sump', name, '--for=condition=Ready', '--timeout=5s');
});

test('an event reports a change that matters to users, once', async () => {
  const { namespace, operator } = await rolledOut();
  await say(namespace, 'aggregator-1', { exact: false, reason: 'LawViolated', message: 'partition 3: 1 is missing' });
  await untilCondition(cluster.client, namespace, 'TotalExact', 'False LawViolated');
  await say(namespace, 'aggregator-1');
  await untilCondition(cluster.client, namespace, 'TotalExact', 'True Exact');
  await operator[Symbol.asyncDispose]();
  const { items } = JSON.parse(await cluster.kubectl('-n', namespace, 'get', 'events', '-o', 'json'));
  const told = items.filter(
    (event: { involvedObject: { kind: string } }) => event.involvedObject.kind === 'SumPipeline',
  );
  assert.deepEqual(told.map(({ reason }: { reason: string }) => reason).sort(), [
    'Created',
    'Ready',
    'TotalExact',
    'TotalNotExact',
  ]);
  const described = await cluster.kubectl('-n', namespace, 'describe', 'sump', name);
  assert.match(described, /TotalNotExact.*LawViolated: partition 3: 1 is missing/);
});

test('nothing that changes by itself is written: restarts and back-off times of a failing pod are one status', async () => {
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  const terminated = (log: string) => ({
    terminated: { exitCode: 1, reason: 'Error', message: log, startedAt: null, finishedAt: null, containerID: '' },
  });
  const line = (time: number) =>
    `{"level":"error","time":"${time}","message":"cannot go on","error":{"message":"no such file"}}`;
  await podOf(namespace, 'calculator', {
    ready: false,
    waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' },
    lastState: terminated(line(1)),
  });
  await reportDeployment(cluster.client, workloadOf(namespace, 'calculator'), { ready: 0 });
  const message = await untilCondition(cluster.client, namespace, 'WorkloadsReady', 'False CrashLoopBackOff');
  assert.equal(
    message,
    'Deployment orders-calculator, pod calculator-1: container sumpipeline ended with exit code 1: cannot go on: no such file',
  );
  await operator.whenIdle();
  operator.writes.length = 0;
  for (const second of [2, 3, 4]) {
    await podOf(namespace, 'calculator', { ready: false, lastState: terminated(line(second)) });
    await operator.whenIdle();
    const waiting = { reason: 'CrashLoopBackOff', message: `back-off ${second * 20}s` };
    await podOf(namespace, 'calculator', { ready: false, waiting, lastState: terminated(line(second)) });
    await operator.whenIdle();
  }
  assert.deepEqual(operator.writes, []);
});

describe('what the aggregators say', () => {
  test('of a missing Secret reaches the conditions, before any of them is ready', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await start(namespace);
    await applyPipeline(cluster.client, draftIn(namespace));
    await operator.whenIdle();
    await podOf(namespace, 'aggregator', { ready: false });
    for (const component of components)
      await reportDeployment(cluster.client, workloadOf(namespace, component), { ready: 0 });
    const missing = {
      ok: false,
      reason: 'SecretMissing',
      message: 'PostgreSQL URI: Secret orders-db, key uri is missing or empty',
    };
    await say(namespace, 'aggregator-1', { store: missing, exact: null });
    const message = await untilCondition(cluster.client, namespace, 'Ready', 'False SecretMissing');
    assert.equal(message, missing.message);
    assert.equal((await findCondition(cluster.client, namespace, 'TotalExact'))?.reason, 'NoReadyAggregator');
    assert.ok(operator.events.some(({ reason }) => reason === 'SecretMissing'));
  });

  test('of a schema that belongs to another pipeline stalls it', async () => {
    const said = {
      store: { ok: false, reason: 'StoreInUse', message: 'schema shop.orders belongs to other/orders' },
      exact: null,
    };
    const { namespace, operator } = await rolledOut({ said });
    await using _ = operator;
    assert.match(
      await untilCondition(cluster.client, namespace, 'Stalled', 'True StoreInUse'),
      /belongs to other\/orders/,
    );
    await say(namespace, 'aggregator-1');
    await untilCondition(cluster.client, namespace, 'Stalled', 'False NotStalled');
    await untilCondition(cluster.client, namespace, 'Ready', 'True Ready');
  });

  test('of weak durability is shown and changes no other condition', async () => {
    const { namespace, operator } = await rolledOut({
      said: { durability: { ok: false, reason: 'FewReplicas', message: 'replication factor 1' } },
    });
    await using _ = operator;
    const { DurabilityWeak, Ready, TotalExact } = await said(namespace);
    assert.deepEqual([DurabilityWeak, Ready, TotalExact], ['True FewReplicas', 'True Ready', 'True Exact']);
  });

  test('counts only while their pod is there: its key is dropped when it is gone', async () => {
    const { namespace, operator } = await rolledOut();
    await using _ = operator;
    const log = { epoch: 1, topic: `${namespace}.${name}`, clusterId: 'cluster', topicId: 'topic' };
    await say(namespace, 'aggregator-1', { log });
    await podOf(namespace, 'aggregator', { ready: true, number: 2 });
    await say(namespace, 'aggregator-2', { exact: false, reason: 'LawViolated', message: 'no' });
    await untilCondition(cluster.client, namespace, 'TotalExact', 'False LawViolated');
    await cluster.kubectl('-n', namespace, 'delete', 'pod', 'aggregator-2', '--grace-period=0', '--force');
    await untilCondition(cluster.client, namespace, 'TotalExact', 'True Exact');
    await eventually('the key to be dropped', async () => {
      const { data = {} } = await cluster.client.get(configMaps, { namespace, name: `${name}-proof` });
      return JSON.stringify(Object.keys(data)) === '["aggregator-1"]' || Object.keys(data);
    });
    // The log file stays: calculators that start later must not accept another topic.
    const { data: file = {} } = await cluster.client.get(configMaps, { namespace, name: `${name}-log` });
    assert.deepEqual(JSON.parse(file['log.json'] ?? ''), log);
    // The aggregators own their keys: the next apply of the ConfigMap without data removes no key.
    await operator.whenIdle();
    const { data = {} } = await cluster.client.get(configMaps, { namespace, name: `${name}-proof` });
    assert.deepEqual(Object.keys(data), ['aggregator-1']);
  });
});

test('a change of the spec is Reconciling until it is rolled out, and observedGeneration names the spec', async () => {
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  await applyPipeline(
    cluster.client,
    draftIn(namespace, (draft) => Object.assign(draft.spec, { image: 'sumpipeline:next' })),
  );
  await untilCondition(cluster.client, namespace, 'Reconciling', 'True RolloutPending');
  const status = await findStatus(cluster.client, namespace);
  assert.deepEqual([status.observedGeneration, status.image], [2, 'sumpipeline:next']);
  for (const component of components) await reportDeployment(cluster.client, workloadOf(namespace, component));
  await untilCondition(cluster.client, namespace, 'Ready', 'True Ready');
});

test('scaling counts as progressing until the pods are ready', async () => {
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  await applyPipeline(
    cluster.client,
    draftIn(namespace, (draft) => Object.assign(draft.spec, { calculator: { replicas: 2 } })),
  );
  await untilCondition(cluster.client, namespace, 'Ready', 'False RolloutPending');
  assert.equal((await findStatus(cluster.client, namespace)).calculator?.replicas, '1/2');
  await reportDeployment(cluster.client, workloadOf(namespace, 'calculator'));
  await untilCondition(cluster.client, namespace, 'Ready', 'True Ready');
});

async function applyPrometheus(spec: object): Promise<void> {
  const prometheus = { apiVersion: 'monitoring.coreos.com/v1', kind: 'Prometheus', spec };
  const metadata = { name: 'k8s', namespace: 'default' };
  await cluster.client.apply(prometheuses, { ...prometheus, metadata }, { fieldManager: 'test', force: true });
}

test('without prometheus-operator the pipeline is ready and says what is missing; its CRD is picked up when it comes', async () => {
  const enable = (enabled: boolean) => (draft: Parameters<NonNullable<Parameters<typeof draftIn>[1]>>[0]) =>
    Object.assign(draft.spec, { monitoring: { enabled } });
  const { namespace, operator } = await rolledOut({ change: enable(true) });
  await using _ = operator;
  const before = await said(namespace);
  assert.deepEqual([before['Ready'], before['ObservabilityReady']], ['True Ready', 'False CRDNotInstalled']);

  await cluster.installCrds(await prometheusOperatorCrds(), ['monitoring.coreos.com_servicemonitors']);
  await untilCondition(cluster.client, namespace, 'ObservabilityReady', 'True Monitored');
  assert.equal((await cluster.client.list(serviceMonitors, { namespace })).items.length, 2);

  await cluster.installCrds(await prometheusOperatorCrds(), ['monitoring.coreos.com_prometheuses']);
  const selector = { matchLabels: { release: 'kps' } };
  const spec = { serviceMonitorSelector: selector, serviceMonitorNamespaceSelector: {} };
  await eventually('the kind to be served', () => applyPrometheus(spec).then(() => true, String));
  const message = await untilCondition(cluster.client, namespace, 'ObservabilityReady', 'False NotSelected');
  assert.match(message, /ServiceMonitor .*-aggregator: .* release=kps; correct spec.monitoring.labels/);
  assert.equal((await said(namespace))['Ready'], 'True Ready');
  const labelled = { enabled: true, labels: { release: 'kps' } };
  await applyPipeline(
    cluster.client,
    draftIn(namespace, (draft) => Object.assign(draft.spec, { monitoring: labelled })),
  );
  await untilCondition(cluster.client, namespace, 'ObservabilityReady', 'True Monitored');

  await applyPipeline(cluster.client, draftIn(namespace, enable(false)));
  await untilCondition(cluster.client, namespace, 'ObservabilityReady', 'True Disabled');
  await operator.whenIdle();
  assert.equal((await cluster.client.list(serviceMonitors, { namespace })).items.length, 0);
});

test('a ServiceAccount that is no longer wanted is deleted when no pod uses it any more', async () => {
  const serviceAccounts = resourceFor('v1', 'ServiceAccount', 'serviceaccounts');
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  const count = async () => (await cluster.client.list(serviceAccounts, { namespace })).items.length;
  await applyPipeline(
    cluster.client,
    draftIn(namespace, (draft) => Object.assign(draft.spec, { serviceAccount: { name: 'mine' } })),
  );
  await untilCondition(cluster.client, namespace, 'Reconciling', 'True RolloutPending');
  await operator.whenIdle();
  assert.equal(await count(), 2);
  for (const component of components) await reportDeployment(cluster.client, workloadOf(namespace, component));
  await eventually('the ServiceAccounts to go', async () => (await count()) === 0);
});

test('a resource that only an older CRD allowed is Stalled with the field, and its children are left as they are', async () => {
  const { namespace, operator } = await rolledOut();
  await using _ = operator;
  const crd = 'sumpipelines.sumpipeline.dev';
  const loose = [
    {
      op: 'replace',
      path: '/spec/versions/0/schema/openAPIV3Schema',
      value: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  ];
  await cluster.kubectl('patch', 'crd', crd, '--type=json', '-p', JSON.stringify(loose));
  const patch = { spec: { kafka: { topic: { partitions: 0 } }, calculator: { replicas: -1 } } };
  await eventually('the API server to take anything', () =>
    cluster
      .kubectl('-n', namespace, 'patch', 'sump', name, '--type=merge', '-p', JSON.stringify(patch))
      .then(() => true, String),
  );
  try {
    const message = await untilCondition(cluster.client, namespace, 'Stalled', 'True InvalidSpec');
    assert.match(message, /spec\.kafka\.topic\.partitions/);
    assert.match(message, /spec\.calculator\.replicas/);
    assert.equal((await findCondition(cluster.client, namespace, 'TotalExact'))?.status, 'True', 'what was seen stays');
    assert.equal((await cluster.client.list(deployments, { namespace })).items.length, 2);
  } finally {
    await cluster.kubectl('apply', '-k', 'manifests/operator');
  }
  const good = { spec: { kafka: { topic: { partitions: 3 } }, calculator: null } };
  await cluster.kubectl('-n', namespace, 'patch', 'sump', name, '--type=merge', '-p', JSON.stringify(good));
  await untilCondition(cluster.client, namespace, 'Ready', 'True Ready');
});
