import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { observeDeployment } from './deployment.ts';
import { deployment, pod } from './testing/samples.ts';

const name = 'orders-aggregator';
const crashed = (exitCode: number, message: string, reason = 'Error') => ({ exitCode, reason, message });

test('a Deployment that does not exist yet is progressing', () => {
  const { state, reason, ready, wanted } = observeDeployment(name, undefined, []);
  assert.deepEqual(
    { state, reason, ready, wanted },
    { state: 'progressing', reason: 'NotCreated', ready: 0, wanted: 0 },
  );
});

test('a Deployment that is being deleted is reported so, even if all its pods are ready', () => {
  const leaving = deployment(name, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  assert.equal(observeDeployment(name, leaving, []).reason, 'BeingDeleted');
});

test('ready means: the controller has seen the change, all pods are new and ready, no old pod is left', () => {
  assert.equal(observeDeployment(name, deployment(name), []).state, 'ready');
  const table = {
    'not seen yet': [deployment(name, { generation: 2, observedGeneration: 1 }), 'RolloutPending'],
    'not all replaced': [deployment(name, { updated: 2, existing: 3 }), 'RollingOut'],
    'an old pod left': [deployment(name, { existing: 4 }), 'RollingOut'],
    'not all ready': [deployment(name, { ready: 2 }), 'PodsNotReady'],
  } as const;
  for (const [what, [object, reason]] of Object.entries(table)) {
    const health = observeDeployment(name, object, []);
    assert.deepEqual([health.state, health.reason], ['progressing', reason], what);
  }
});

test('numbers of wanted and ready pods are reported; a Deployment with zero wanted pods is ready', () => {
  const { ready, wanted } = observeDeployment(name, deployment(name, { ready: 1 }), []);
  assert.deepEqual({ ready, wanted }, { ready: 1, wanted: 3 });
  assert.equal(observeDeployment(name, deployment(name, { replicas: 0 }), []).state, 'ready');
});

test('after its deadline a Deployment has failed', () => {
  const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'has timed out' }];
  const health = observeDeployment(name, deployment(name, { ready: 2, conditions: late }), []);
  assert.deepEqual([health.state, health.reason], ['failed', 'ProgressDeadlineExceeded']);
  assert.match(health.message, /orders-aggregator exceeded its progress deadline: has timed out/);
});

test('when no pod can be created, the reason of the controller is given', () => {
  const conditions = [
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota: small' },
  ];
  const health = observeDeployment(name, deployment(name, { ready: 0, updated: 0, conditions }), []);
  assert.deepEqual([health.state, health.reason], ['progressing', 'FailedCreate']);
  assert.match(health.message, /cannot create pods: exceeded quota: small/);
});

describe('a Deployment has the message of its first failing pod', () => {
  const unready = deployment(name, { ready: 2 });
  const speak = (...pods: Parameters<typeof observeDeployment>[2][number][]) => {
    const { reason, message } = observeDeployment(name, unready, pods);
    return { reason, message };
  };

  test('with the name of the pod and the end of its program output', () => {
    const failing = (podName: string) =>
      pod(podName, {
        container: {
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
          lastState: { terminated: crashed(1, 'Error: no such file') },
        },
      });
    assert.deepEqual(speak(failing('b'), failing('a'), pod('0', { ready: true })), {
      reason: 'CrashLoopBackOff',
      message: `Deployment ${name}, pod a: container sumpipeline ended with exit code 1: Error: no such file`,
    });
  });

  test('with the same text in every phase of a crash loop', () => {
    const terminated = crashed(1, '{"level":"error","time":"1","message":"no"}');
    const later = crashed(1, '{"level":"error","time":"2","message":"no"}');
    const phases = [
      { state: { terminated } },
      { state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }, lastState: { terminated } },
      { state: { running: {} }, lastState: { terminated: later } },
      { state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m' } }, lastState: { terminated: later } },
    ];
    const said = new Set(phases.map((container) => JSON.stringify(speak(pod('a', { container })))));
    assert.equal(said.size, 1, [...said].join('\n'));
  });

  test('with the same text in both phases of a failing pull', () => {
    const cause = 'failed to pull and unpack image "sumpipeline:1": not found';
    const said = [
      { reason: 'ErrImagePull', message: cause },
      { reason: 'ImagePullBackOff', message: `Back-off pulling image "sumpipeline:1": ErrImagePull: ${cause}` },
    ].map((waiting) => speak(pod('a', { container: { state: { waiting } } })));
    assert.deepEqual(said[0], said[1]);
    assert.equal(said[0]?.reason, 'ImagePullBackOff');
    assert.match(said[0]?.message ?? '', /image sumpipeline:1 cannot be pulled: failed to pull/);
  });

  test('with what to do when the memory was too small', () => {
    const container = { state: { terminated: crashed(137, '', 'OOMKilled') } };
    const { reason, message } = speak(pod('a', { container }));
    assert.equal(reason, 'OOMKilled');
    assert.match(message, /raise resources.limits.memory/);
  });

  test('with the message of the scheduler', () => {
    const pending = pod('a', { phase: 'Pending', container: { state: {} } });
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes: cpu' }];
    const { reason, message } = speak({ ...pending, status: { phase: 'Pending', conditions } });
    assert.deepEqual(
      { reason, message },
      { reason: 'Unschedulable', message: `Deployment ${name}, pod a: 0/1 nodes: cpu` },
    );
  });

  test('with the message of the kubelet for a container that cannot be created', () => {
    const waiting = { reason: 'CreateContainerConfigError', message: 'configmap "x" not found' };
    assert.match(
      speak(pod('a', { container: { state: { waiting } } })).message,
      /container sumpipeline: configmap "x"/,
    );
  });

  test('unless the pod starts, is being deleted, has ended, or is ready after a restart', () => {
    const starting = pod('a', { container: { state: { waiting: { reason: 'ContainerCreating' } } } });
    const broken = { state: { terminated: crashed(1, 'no') } };
    const leaving = pod('b', { container: broken, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    const evicted = pod('c', { container: broken, phase: 'Failed' });
    const restarted = pod('d', { ready: true, container: { lastState: { terminated: crashed(1, 'no') } } });
    assert.equal(speak(starting, leaving, evicted, restarted).reason, 'PodsNotReady');
  });
});
