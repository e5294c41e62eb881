import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatTopicSpec, parseTopicSpec, type TopicSpec } from './topicSpec.ts';

const spec: TopicSpec = {
  partitions: 12,
  replicas: 3,
  minInSyncReplicas: 2,
  retentionMs: -1,
  config: { 'segment.bytes': '268435456' },
};

test('a topic is read as it was written', () => assert.deepEqual(parseTopicSpec(formatTopicSpec(spec)), spec));

test('a field of a newer operator is ignored', () => {
  assert.deepEqual(parseTopicSpec(JSON.stringify({ ...spec, tiered: true })), spec);
});

describe('a wrong topic is refused with the name of the field:', () => {
  for (const [what, text, problem] of [
    ['no JSON', 'partitions: 12', /not JSON/],
    ['no partitions', JSON.stringify({ ...spec, partitions: undefined }), /partitions/],
    ['half a partition', JSON.stringify({ ...spec, partitions: 1.5 }), /partitions/],
    ['a retention of a second', JSON.stringify({ ...spec, retentionMs: 1000 }), /retentionMs/],
    ['a setting that is a number', JSON.stringify({ ...spec, config: { 'retention.ms': 5 } }), /retention\.ms/],
  ] as const) {
    test(what, () => assert.throws(() => parseTopicSpec(text), problem));
  }
});
