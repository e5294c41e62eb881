import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Live } from '#kube/client/object.ts';
import { minimalDraft } from '#operator/api/testing/samples.ts';
import { logKeysOf } from './keys.ts';
import { findLogConflict } from './logUsers.ts';
import type { PipelineObject } from './resources.ts';

const log = { epoch: 1, topic: 'numbers', clusterId: 'c', topicId: 't' };

function pipelineOf(name: string, createdAt: string, server: string, status: object = {}): Live<PipelineObject> {
  const { apiVersion, kind } = minimalDraft();
  const spec = { kafka: { bootstrapServers: [server], topic: { name: 'numbers' } } };
  return {
    apiVersion,
    kind,
    metadata: { namespace: 'shop', name, uid: name, resourceVersion: '1', creationTimestamp: createdAt },
    spec,
    status,
  };
}

test('a pipeline whose aggregators report a counted log for the first time does not displace the one that counts it', () => {
  const running = pipelineOf('running', '2026-02-01T00:00:00Z', 'a.infra:9092', { log });
  const newcomer = pipelineOf('newcomer', '2026-01-01T00:00:00Z', 'b.infra:9092');
  const all = [running, newcomer];
  const pipelinesOfLog = (logKey: string) => all.filter((one) => logKeysOf(one).includes(logKey));
  assert.match(findLogConflict(newcomer, log, pipelinesOfLog)?.issue.message ?? '', /shop\/running has the same topic/);
  assert.equal(findLogConflict(running, log, pipelinesOfLog), undefined);

  // Now the status of `newcomer` has the log too, and `newcomer` is older than `running`. It stays refused, also after
  // a pass that reported another problem.
  const conditions = [{ type: 'Stalled', status: 'False', reason: 'NotStalled' }];
  const refused = pipelineOf('newcomer', '2026-01-01T00:00:00Z', 'b.infra:9092', {
    log,
    conditions,
    logInUseBy: findLogConflict(newcomer, log, pipelinesOfLog)?.inUseBy,
  });
  all.splice(1, 1, refused);
  assert.equal(findLogConflict(refused, log, pipelinesOfLog)?.issue.reason, 'LogInUse');
  assert.equal(findLogConflict(running, log, pipelinesOfLog), undefined);
});

test('a pipeline whose address was changed to the log of another does not displace it', () => {
  const running = pipelineOf('running', '2026-02-01T00:00:00Z', 'a.infra:9092', { log, bootstrap: 'a.infra:9092' });
  const staging = { ...log, clusterId: 'staging' };
  const status = { log: staging, bootstrap: 'staging.infra:9092' };
  const moved = pipelineOf('moved', '2026-01-01T00:00:00Z', 'a.infra:9092', status);
  const all = [running, moved];
  const pipelinesOfLog = (logKey: string) => all.filter((one) => logKeysOf(one).includes(logKey));
  assert.equal(findLogConflict(moved, staging, pipelinesOfLog)?.inUseBy, 'shop/running');
  assert.equal(findLogConflict(running, log, pipelinesOfLog), undefined);
});

test('a pipeline whose spec was never valid does not hold up another one', () => {
  const conditions = [{ type: 'Stalled', status: 'True', reason: 'InvalidSpec' }];
  const invalid = pipelineOf('invalid', '2026-01-01T00:00:00Z', 'a.infra:9092', { conditions });
  const valid = pipelineOf('valid', '2026-02-01T00:00:00Z', 'a.infra:9092');
  const all = [invalid, valid];
  const pipelinesOfLog = (logKey: string) => all.filter((one) => logKeysOf(one).includes(logKey));
  assert.equal(findLogConflict(valid, undefined, pipelinesOfLog), undefined);
});
