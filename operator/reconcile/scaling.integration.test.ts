import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fieldManagers, ownerLabels } from '#contract/labels.ts';
import type { KubeObject, Live } from '#kube/client/object.ts';
import { kedaCrds } from '#lab/crds/keda.ts';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import type { Draft } from '#operator/api/testing/samples.ts';
import { apiServices, childResource, deployments } from '#operator/reconcile/resources.ts';
import { pause } from '#platform/time.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  asPerson,
  draftIn,
  findCondition,
  name,
  type OperatorCluster,
  startOperatorCluster,
  untilCondition,
} from '#test/support/operatorCluster.ts';
import { startOperator, stopOperators, type TestOperator } from '#test/support/operatorInProcess.ts';

const hpas = childResource('HorizontalPodAutoscaler');
const scaledObjects = childResource('ScaledObject');
const aggregator = `${name}-aggregator`;
/** Field manager of writes that the test makes in place of the HPA controller and KEDA. */
const asScaler = { fieldManager: 'stand-in-scaler' };

let cluster: OperatorCluster;
before(async () => {
  cluster = await startOperatorCluster();
  await cluster.installCrds(await prometheusOperatorCrds(), [
    'monitoring.coreos.com_servicemonitors',
    'monitoring.coreos.com_prometheusrules',
  ]);
  await cluster.installCrds(await kedaCrds(), ['keda.sh_scaledobjects']);
});
let namespace: string;
beforeEach(async () => {
  namespace = await cluster.createNamespace();
});
afterEach(stopOperators);
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

const start = (): Promise<TestOperator> =>
  startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace });

/** How the spec sets the number of aggregators. */
type Mode = 'static' | 'hpa' | 'keda' | 'recommend' | 'unset';
const fixed = 3;
const min = 2;

function specOf(mode: Mode): object {
  const autoscaling = { mode, min, max: 3 };
  switch (mode) {
    case 'static':
      return { replicas: fixed };
    case 'unset':
      return {};
    case 'keda':
      return { autoscaling: { ...autoscaling, prometheus: { serverAddress: 'http://prometheus:9090' } } };
    case 'hpa':
    case 'recommend':
      return { autoscaling };
    default:
      return mode satisfies never;
  }
}

function draftOf(mode: Mode): Draft {
  return draftIn(namespace, (draft) => {
    Object.assign(draft.spec, { aggregator: specOf(mode), monitoring: { enabled: true } });
  });
}

async function replicas(): Promise<number> {
  const { spec } = await cluster.client.get(deployments, { namespace, name: aggregator });
  return spec?.replicas ?? 1;
}

async function scalers(): Promise<Live[]> {
  const all = await Promise.all([hpas, scaledObjects].map((kind) => cluster.client.list(kind, { namespace })));
  return all.flatMap(({ items }) => items);
}

/** Scales as the HPA controller does, for every HPA or ScaledObject that exists. */
async function scaleTo(number: number): Promise<void> {
  const target = { namespace, name: aggregator };
  const options = { ...asScaler, subresource: 'scale' } as const;
  await cluster.client.mergePatch(deployments, target, { spec: { replicas: number } }, options);
}

/** Makes the HPA that KEDA would make for a ScaledObject. The HPA has the labels of the ScaledObject. */
async function makeKedaHpa(): Promise<void> {
  const owner = await cluster.client.get(scaledObjects, { namespace, name: aggregator });
  const hpa = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: `keda-hpa-${aggregator}`, namespace, labels: owner.metadata.labels ?? {} },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: aggregator },
      maxReplicas: 3,
    },
  };
  await cluster.client.apply(hpas, hpa, { ...asScaler, force: true });
}

/** Interval in ms of the look-ups. A wrong number lasts until the operator is started again, which takes longer. */
const lookEveryMs = 20;

/** Records every number of replicas that the API server had, in order. */
async function recordReplicas(): Promise<{ seen: number[]; stop(): void }> {
  const seen: number[] = [await replicas()];
  let isOver = false;
  const look = async () => {
    while (!isOver) {
      const now = await replicas();
      if (now !== seen.at(-1)) seen.push(now);
      await pause(lookEveryMs);
    }
  };
  const looking = look();
  return {
    seen,
    stop() {
      isOver = true;
      void looking;
    },
  };
}

const modes: readonly Mode[] = ['static', 'hpa', 'keda', 'recommend', 'unset'];
const isScaled = (mode: Mode) => mode === 'hpa' || mode === 'keda';

describe('a change of who writes the number of replicas', () => {
  for (const before of modes) {
    for (const next of modes.filter((mode) => mode !== before)) {
      test(`from ${before} to ${next} never has two writers and never too few replicas, with a crash after each write`, async () => {
        await applyPipeline(cluster.client, draftOf(before));
        const first = await start();
        await first.whenIdle();
        await first[Symbol.asyncDispose]();
        if (isScaled(before)) await scaleTo(fixed);
        if (before === 'keda') await makeKedaHpa();
        const numbers = await recordReplicas();
        await applyPipeline(cluster.client, draftOf(next));
        // Each operator runs until its first write. The last operator has nothing left to write.
        for (let runs = 0; ; runs++) {
          assert.ok(runs < 30, 'the operators do not come to an end');
          const operator = await start();
          let written = 0;
          operator.beforeRequest = async ({ method, context }) => {
            if (method === 'GET') return;
            if (written > 0) throw new Error('this operator has crashed');
            written += 1;
            const isScale = context.kind === 'Deployment' && context.verb === 'patch';
            // The main assertion: while an autoscaler may write the number, the operator does not write it.
            if (isScale) assert.deepEqual(await scalers(), [], 'two writers');
          };
          if (before === 'keda' && next !== 'keda') await collectKedaHpa();
          await operator.whenIdle();
          await operator[Symbol.asyncDispose]();
          if (written === 0) break;
        }
        numbers.stop();
        const lowest = Math.min(...numbers.seen);
        assert.ok(lowest >= Math.min(fixed, numbers.seen[0] ?? 0), `replicas went ${numbers.seen}`);
        const kinds = (await scalers()).map(({ kind }) => kind);
        assert.deepEqual(kinds, next === 'hpa' ? ['HorizontalPodAutoscaler'] : next === 'keda' ? ['ScaledObject'] : []);
        if (next === 'static') assert.equal(await replicas(), fixed);
      });
    }
  }
});

/** Deletes KEDA's HPA when its ScaledObject is gone. This API server has no garbage collector to do it. */
async function collectKedaHpa(): Promise<void> {
  const hpa = await cluster.client.find(hpas, { namespace, name: `keda-hpa-${aggregator}` });
  const owner = await cluster.client.find(scaledObjects, { namespace, name: aggregator });
  if (hpa !== undefined && owner === undefined) {
    await cluster.client.delete(hpas, { namespace, name: hpa.metadata.name }, { uid: hpa.metadata.uid });
  }
}

describe('with an HPA the operator', () => {
  test('raises the aggregators from 0 before it creates the HPA, which would be disabled at 0', async () => {
    await applyPipeline(
      cluster.client,
      draftIn(namespace, (draft) => Object.assign(draft.spec, { aggregator: { replicas: 0 } })),
    );
    await using operator = await start();
    await operator.whenIdle();
    assert.equal(await replicas(), 0);
    operator.writes.length = 0;
    await applyPipeline(cluster.client, draftOf('hpa'));
    await operator.whenIdle();
    const writes = operator.writes.filter((write) => /Deployment|HorizontalPodAutoscaler/.test(write));
    assert.deepEqual(writes, [
      `patch Deployment/scale ${namespace}/${aggregator}`,
      `apply HorizontalPodAutoscaler ${namespace}/${aggregator}`,
    ]);
    assert.equal(await replicas(), min);
  });

  test('leaves a number that a user set, also 0, and says that 0 disables the HPA', async () => {
    await applyPipeline(cluster.client, draftOf('hpa'));
    await using operator = await start();
    await serveExternalMetrics();
    await operator.whenIdle();
    await scaleTo(0);
    const message = await untilCondition(cluster.client, namespace, 'AutoscalingActive', 'False ReplicasZero');
    assert.match(message, new RegExp(`kubectl scale deployment/${aggregator} --replicas=${min} -n ${namespace}`));
    await operator.whenIdle();
    assert.equal(await replicas(), 0);
    await scaleTo(2);
    await untilCondition(cluster.client, namespace, 'AutoscalingActive', 'Unknown Pending');
  });

  test('never owns the number', async () => {
    await applyPipeline(cluster.client, draftOf('hpa'));
    await using operator = await start();
    await operator.whenIdle();
    const { metadata } = await cluster.client.get(deployments, { namespace, name: aggregator });
    const owners = (metadata.managedFields ?? []).filter(({ fieldsV1 }) =>
      JSON.stringify(fieldsV1).includes('f:replicas'),
    );
    assert.deepEqual(
      owners.map(({ manager }) => manager).filter((manager) => manager === fieldManagers.operator),
      [],
    );
  });

  test('writes nothing while the HPA reports other numbers', async () => {
    await applyPipeline(cluster.client, draftOf('hpa'));
    await using operator = await start();
    await serveExternalMetrics();
    await reportHpa({ ScalingActive: 'True', AbleToScale: 'True' }, 2);
    await untilCondition(cluster.client, namespace, 'AutoscalingActive', 'True Scaling');
    await operator.whenIdle();
    operator.writes.length = 0;
    for (const current of [2, 3, 2]) {
      await reportHpa({ ScalingActive: 'True', AbleToScale: 'True' }, current);
      await operator.whenIdle();
    }
    assert.deepEqual(operator.writes, []);
  });
});

describe('AutoscalingActive', () => {
  test('says what the HPA needs, step by step', async () => {
    await dropExternalMetrics();
    await applyPipeline(
      cluster.client,
      draftIn(namespace, (draft) => Object.assign(draft.spec, { aggregator: specOf('hpa') })),
    );
    await using _ = await start();
    const said = (expected: string) => untilCondition(cluster.client, namespace, 'AutoscalingActive', expected);
    assert.match(await said('False MonitoringDisabled'), /set spec.monitoring.enabled to true/);
    await applyPipeline(cluster.client, draftOf('hpa'));
    assert.match(await said('False ExternalMetricsNotServed'), /install prometheus-adapter/);
    await serveExternalMetrics('keda/keda-operator-metrics-apiserver');
    assert.match(await said('False ExternalMetricsServedByKeda'), /mode to keda/);
    await serveExternalMetrics('custom-metrics/adapter');
    assert.match(await said('False ExternalMetricsUnavailable'), /custom-metrics\/adapter.*check its pods/);
    await serveExternalMetrics();
    await said('Unknown Pending');
    await reportHpa({ AbleToScale: 'True', ScalingActive: 'False' }, 2, 'FailedGetExternalMetric');
    assert.match(
      await said('False MetricMissing'),
      /stay at \d since 2026-01-01T00:00:00Z.*PrometheusRule orders-scaling/,
    );
    await reportHpa({ AbleToScale: 'True', ScalingActive: 'True', ScalingLimited: 'True' }, 3, 'TooManyReplicas');
    assert.match(await said('True AtMaximum'), /their maximum of 3; add partitions/);
    await reportHpa({ AbleToScale: 'True', ScalingActive: 'True' }, 3);
    await said('True Scaling');
    const ready = await findCondition(cluster.client, namespace, 'Ready');
    assert.doesNotMatch(ready?.reason ?? '', /Metric|Scaling/, 'a missing metric is no reason not to be ready');
  });
});

const externalMetrics = 'v1beta1.external.metrics.k8s.io';

/**
 * Registers who serves the external metrics API. The named Service does not exist, so the API server reports "not
 * available". Without a Service the API server serves the API itself and reports "available".
 */
async function serveExternalMetrics(service?: string): Promise<void> {
  const [where, who] = service?.split('/') ?? [];
  await dropExternalMetrics();
  await cluster.client.apply(
    apiServices,
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: externalMetrics },
      spec: {
        group: 'external.metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        ...(service === undefined
          ? {}
          : { insecureSkipTLSVerify: true, service: { namespace: where, name: who, port: 443 } }),
      },
    } as KubeObject,
    asPerson,
  );
}

async function dropExternalMetrics(): Promise<void> {
  const live = await cluster.client.find(apiServices, { name: externalMetrics });
  if (live !== undefined)
    await cluster.client.delete(apiServices, { name: externalMetrics }, { uid: live.metadata.uid });
}

/** Writes the status of an HPA, because no HPA controller runs here. */
async function reportHpa(conditions: Record<string, string>, current: number, reason = 'Seen'): Promise<void> {
  const target = { namespace, name: aggregator };
  await eventually('the HPA to exist', async () => (await cluster.client.find(hpas, target)) !== undefined);
  const status = {
    currentReplicas: current,
    desiredReplicas: current,
    conditions: Object.entries(conditions).map(([type, value]) => ({
      type,
      status: value,
      reason,
      message: `changes by itself: ${current}`,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })),
  };
  const head = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: target };
  await cluster.client.applyStatus(hpas, { ...head, status } as KubeObject, { ...asScaler, force: true });
}

test('every child of autoscaling carries the labels of its pipeline', async () => {
  await applyPipeline(cluster.client, draftOf('hpa'));
  await using operator = await start();
  await operator.whenIdle();
  const wanted = ownerLabels({ namespace, name });
  for (const [kind, count] of [
    ['HorizontalPodAutoscaler', 1],
    ['PrometheusRule', 2],
  ] as const) {
    const { items } = await cluster.client.list(childResource(kind), { namespace });
    assert.equal(items.length, count, kind);
    for (const { metadata } of items) {
      for (const [key, value] of Object.entries(wanted)) assert.equal(metadata.labels?.[key], value);
    }
  }
});
