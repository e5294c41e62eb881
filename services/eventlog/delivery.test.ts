import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { contiguousBatches, rangeProblem } from './delivery.ts';

function message(offset: bigint, headers: KafkaMessage['headers'] = {}): KafkaMessage {
  return { key: null, value: null, timestamp: '1700000000000', attributes: 0, offset: String(offset), headers };
}

test('batches are contiguous from the expected offset, bounded, and end only at a wrong offset', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 1n, max: 3n }), { maxLength: 40 }),
      fc.bigInt({ min: 0n, max: 5n }),
      fc.bigInt({ min: 0n, max: 5n }),
      fc.integer({ min: 1, max: 7 }),
      (steps, start, expected, recordsMax) => {
        const offsets = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, start));
        const messages = offsets.map((offset) => message(offset));
        const batches = [...contiguousBatches(messages, expected, recordsMax)];
        const delivered = batches.flatMap((batch) => batch.map((record) => record.offset));
        let length = 0;
        while (messages[length]?.offset === String(expected + BigInt(length))) length += 1;
        assert.deepEqual(
          delivered,
          Array.from({ length }, (_, index) => expected + BigInt(index)),
        );
        for (const [index, batch] of batches.entries()) {
          assert.ok(batch.length === recordsMax || (index === batches.length - 1 && batch.length < recordsMax));
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe('the schema header', () => {
  const schemaOf = (headers: KafkaMessage['headers']) =>
    [...contiguousBatches([message(0n, headers)], 0n, 1)][0]?.[0].schema;
  for (const [what, headers, expected] of [
    ['absent', {}, undefined],
    ['bytes', { 'sumpipeline-schema': Buffer.from('1') }, '1'],
    ['empty', { 'sumpipeline-schema': Buffer.alloc(0) }, ''],
    ['twice', { 'sumpipeline-schema': [Buffer.from('1'), Buffer.from('1')] }, '1,1'],
    ['broken UTF-8', { 'sumpipeline-schema': Buffer.from([0xff]) }, '\ufffd'],
  ] as const) {
    test(what, () => assert.equal(schemaOf({ ...headers } as KafkaMessage['headers']), expected));
  }
});

test('an offset can be read when the log holds it or ends there', () => {
  const ranges = new Map([[0, { earliest: 10n, end: 20n }]]);
  for (const wanted of [10n, 15n, 20n]) assert.equal(rangeProblem(0, wanted, ranges), undefined);
  assert.match(String(rangeProblem(0, 9n, ranges)?.message), /begins at 10: 1 records were removed/);
  assert.match(String(rangeProblem(0, 21n, ranges)?.message), /ends at 20: the log was truncated or replaced/);
  assert.match(String(rangeProblem(1, 0n, ranges)?.message), /partition 1/);
});
