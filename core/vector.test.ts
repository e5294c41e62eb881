import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatVector, type Position, parseVector, vectorPositionsMax } from './vector.ts';

const position: fc.Arbitrary<Position> = fc.record(
  {
    partition: fc.nat(999_999_999),
    offset: fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }),
    logEpoch: fc.integer({ min: 2, max: 999_999_999 }),
  },
  { noNullPrototype: true },
);

test('a vector is read back as it was written', () => {
  fc.assert(
    fc.property(fc.array(position, { maxLength: 20 }), (vector) => {
      assert.deepEqual(parseVector(formatVector(vector)), { ok: true, value: vector });
    }),
  );
});

test('positions of the current log are written without it', () => {
  const current = [
    { partition: 0, offset: 41n, logEpoch: 1 },
    { partition: 3, offset: 7n, logEpoch: 2 },
  ];
  assert.equal(formatVector(current), '0:41,2/3:7');
  assert.deepEqual(parseVector('0:41'), { ok: true, value: [{ partition: 0, offset: 41n, logEpoch: 0 }] });
});

describe('refused', () => {
  for (const text of [
    '0',
    '0:',
    ':1',
    '0:-1',
    '0:1,',
    '0:1;1:2',
    '0:1 ',
    '1/2/3:4',
    'a:b',
    `0:${'1'.repeat(19)}`,
    '0:1e3',
  ]) {
    test(text, () => {
      const parsed = parseVector(text);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, /must be positions such as/);
    });
  }
  test('more positions than a topic has partitions', () => {
    const parsed = parseVector(
      Array(vectorPositionsMax + 1)
        .fill('0:1')
        .join(','),
    );
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, /names 1025 positions; at most 1024/);
  });
});
