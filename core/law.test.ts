import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dispositions } from './disposition.ts';
import { lawViolation, type PartitionBooks } from './law.ts';

const count = fc.bigInt({ min: 0n, max: 2n ** 62n });
const books = fc
  .record({ first: count, applied: count, duplicate: count, conflict: count, parked: count, expired: count })
  .map(({ first, ...counts }): PartitionBooks => {
    const sum = Object.values(counts).reduce((total, value) => total + value, 0n);
    return { logEpoch: 1, partition: 3, firstOffset: first, nextOffset: first + sum, ...counts };
  });

test('books whose dispositions cover every offset obey the law', () => {
  fc.assert(fc.property(books, (balanced) => assert.equal(lawViolation(balanced), undefined)));
});

test('one record too many or too few breaks the law', () => {
  fc.assert(
    fc.property(
      books,
      fc.constantFrom(...dispositions, 'nextOffset' as const),
      fc.constantFrom(1n, -1n),
      (balanced, where, by) => {
        const violation = lawViolation({ ...balanced, [where]: balanced[where] + by });
        assert.match(String(violation), /^partition 3: \d+ offsets/);
      },
    ),
  );
});

test('the violation gives the numbers', () => {
  const violation = lawViolation({
    logEpoch: 1,
    partition: 0,
    firstOffset: 5n,
    nextOffset: 10n,
    applied: 3n,
    duplicate: 1n,
    conflict: 0n,
    parked: 0n,
    expired: 0n,
  });
  assert.equal(
    violation,
    'partition 0: 5 offsets (5 to 9) but 4 dispositions (applied 3 + duplicate 1 + conflict 0 + parked 0 + expired 0)',
  );
});
