import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import type { LogRecord } from '#services/eventlog/port.ts';
import { BatchDataError, type BatchOutcome, FencedError, type LedgerBatch } from '#services/ledger/port.ts';
import { anchorOf } from './anchor.ts';
import { applyRecords } from './apply.ts';
import { prepareBatch } from './prepare.ts';

function recordAt(offset: number, series = 's'): LogRecord {
  const requestId = `00000000-0000-4000-8000-${String(offset + 1).padStart(12, '0')}`;
  const { key, value } = encodeRecord(parseAddition({ requestId, series, a: '1', b: '2' }));
  return { offset: BigInt(offset), key, value, schema: '1', appendedAt: 0, leaderEpoch: 0 };
}

/** A fake ledger. It refuses batches with a series `poison`, checks contiguity, and remembers what it committed. */
class FakeLedger {
  readonly committed: LedgerBatch[] = [];
  nextOffset = 0n;

  async applyBatch(batch: LedgerBatch): Promise<BatchOutcome> {
    assert.equal(batch.firstOffset, this.nextOffset, 'the batch begins at the next offset');
    const offsets = [...batch.additions, ...batch.parked].map(({ offset }) => offset).sort((a, b) => Number(a - b));
    assert.deepEqual(
      offsets,
      Array.from(
        { length: Number(batch.nextOffset - batch.firstOffset) },
        (_, index) => batch.firstOffset + BigInt(index),
      ),
    );
    if (batch.additions.some(({ series }) => series === 'poison')) throw new BatchDataError('poison');
    this.committed.push(batch);
    this.nextOffset = batch.nextOffset;
    return { applied: batch.additions.length, duplicate: 0, conflict: 0, parked: batch.parked.length };
  }
}

const target = (ledger: FakeLedger) => ({ ledger, partition: 0, ownerEpoch: 1n });

describe('applyRecords', () => {
  test('commits good records as one batch', async () => {
    const ledger = new FakeLedger();
    const result = await applyRecords(target(ledger), 0n, [recordAt(0), recordAt(1)]);
    assert.deepEqual(result, {
      nextOffset: 2n,
      outcome: { applied: 2, duplicate: 0, conflict: 0, parked: 0 },
      anchor: anchorOf(recordAt(1)),
      halt: undefined,
    });
    assert.equal(ledger.committed.length, 1);
  });

  test('parks a record whose bytes could not be read, with the reason', async () => {
    const ledger = new FakeLedger();
    const unreadable = { ...recordAt(1), key: null, value: null, unreadable: 'its batch unpacks to more than 16 MB' };
    const result = await applyRecords(target(ledger), 0n, [recordAt(0), unreadable, recordAt(2)]);
    assert.deepEqual(result.outcome, { applied: 2, duplicate: 0, conflict: 0, parked: 1 });
    const [parked] = ledger.committed.flatMap((batch) => batch.parked);
    assert.deepEqual([parked?.offset, parked?.value, parked?.reason], [1n, null, unreadable.unreadable]);
  });

  test('halts at a record whose bytes were changed: another read may return the intact record', async () => {
    const ledger = new FakeLedger();
    const damaged = {
      ...recordAt(1),
      key: null,
      value: null,
      unreadable: 'its batch cannot be unpacked',
      isDamaged: true,
    };
    const result = await applyRecords(target(ledger), 0n, [recordAt(0), damaged, recordAt(2)]);
    assert.deepEqual([result.nextOffset, result.halt?.reason], [1n, 'RecordCorrupt']);
  });

  for (const poisoned of [[0], [7], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7]]) {
    test(`parks only the records that PostgreSQL refuses: ${poisoned}`, async () => {
      const ledger = new FakeLedger();
      const records = Array.from({ length: 8 }, (_, offset) =>
        recordAt(offset, poisoned.includes(offset) ? 'poison' : 's'),
      );
      const result = await applyRecords(target(ledger), 0n, records);
      assert.deepEqual(result.outcome, {
        applied: 8 - poisoned.length,
        duplicate: 0,
        conflict: 0,
        parked: poisoned.length,
      });
      assert.equal(ledger.nextOffset, 8n);
      const parked = ledger.committed.flatMap((batch) => batch.parked);
      assert.deepEqual(
        parked.map(({ offset }) => Number(offset)),
        poisoned,
      );
      assert.match(parked[0]?.reason ?? '', /PostgreSQL refuses it: poison/);
    });
  }

  test('commits the records before a record that halts, and returns where it stopped', async () => {
    const ledger = new FakeLedger();
    const result = await applyRecords(target(ledger), 0n, [recordAt(0), { ...recordAt(1), schema: '2' }, recordAt(2)]);
    assert.equal(result.nextOffset, 1n);
    assert.equal(result.halt?.reason, 'RecordTooNew');
    assert.equal(ledger.nextOffset, 1n);
  });

  test('commits nothing when the first record halts', async () => {
    const ledger = new FakeLedger();
    const result = await applyRecords(target(ledger), 0n, [{ ...recordAt(0), schema: '2' }]);
    assert.deepEqual([result.nextOffset, ledger.committed], [0n, []]);
  });

  test('rejects with FencedError if the commit is fenced', async () => {
    const ledger = { applyBatch: () => Promise.reject(new FencedError('gone')) };
    await assert.rejects(applyRecords({ ledger, partition: 0, ownerEpoch: 1n }, 0n, [recordAt(0)]), FencedError);
  });
});

describe('prepareBatch', () => {
  const good = recordAt(0);
  for (const [what, record, reason] of [
    ['no schema header', { ...good, schema: undefined }, /header sumpipeline-schema is absent/],
    ['a schema header that is no number', { ...good, schema: 'one' }, /is not a whole number/],
    ['no value', { ...good, value: null }, /no value/],
    ['bytes that are no record', { ...good, value: Uint8Array.of(255, 255) }, /not an AdditionRecord/],
    ['no key', { ...good, key: null }, /the key is not the request_id/],
    ['another key', { ...good, key: new Uint8Array(16) }, /the key is not the request_id/],
  ] as const) {
    test(`parks a record with ${what}`, () => {
      const { additions, parked, halt } = prepareBatch(0, [record]);
      assert.deepEqual([additions, halt], [[], undefined]);
      assert.match(parked[0]?.reason ?? '', reason);
    });
  }

  for (const ms of [Number.NaN, -9e15, 9e15, 2 ** 63]) {
    test(`counts and parks a record with the time ${ms} under a time that PostgreSQL accepts`, () => {
      const { additions, parked } = prepareBatch(0, [
        { ...good, appendedAt: ms },
        { ...recordAt(1), value: null, appendedAt: ms },
      ]);
      for (const { appendedAt } of [...additions, ...parked]) {
        assert.ok(appendedAt.getUTCFullYear() >= 1970 && appendedAt.getUTCFullYear() <= 9999, String(appendedAt));
      }
      assert.deepEqual([additions.length, parked.length], [1, 1]);
    });
  }

  test('parks a header with NUL as text that PostgreSQL accepts', () => {
    const { parked } = prepareBatch(0, [{ ...good, schema: '\u0000\ud800' }]);
    assert.equal(parked[0]?.schema, '?\ufffd');
  });

  test('halts on a record whose bytes changed after it was made', () => {
    const value = Uint8Array.from(good.value ?? []);
    const at = value.length - 1;
    value[at] = (value[at] ?? 0) ^ 1;
    const { parked, halt } = prepareBatch(3, [{ ...good, value }]);
    assert.deepEqual(parked, []);
    assert.equal(halt?.reason, 'RecordCorrupt');
    assert.match(halt?.message ?? '', /partition 3 offset 0: the fingerprint does not match the operands/);
  });
});
