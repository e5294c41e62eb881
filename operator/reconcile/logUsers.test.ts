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
  assert.match(findLogConflict(newcomer, log, pipelinesOfLog)?.message ?? '', /shop\/running counts the same topic/);
  assert.equal(findLogConflict(running, log, pipelinesOfLog), undefined);

  // Once its status has the log too, it is the older of two that counted; it stays refused.
  const reason = findLogConflict(newcomer, log, pipelinesOfLog)?.reason ?? '';
  const time = '2026-03-01T00:00:00Z';
  const conditions = [{ type: 'Stalled', status: 'True', reason, message: '', lastTransitionTime: time }];
  const refused = pipelineOf('newcomer', '2026-01-01T00:00:00Z', 'b.infra:9092', { log, conditions });
  all.splice(1, 1, refused);
  assert.equal(findLogConflict(refused, log, pipelinesOfLog)?.reason, 'LogInUse');
  assert.equal(findLogConflict(running, log, pipelinesOfLog), undefined);
});
