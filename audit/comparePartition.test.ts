import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CompareOptions, comparePartition, compareTotals, withEnds } from './comparePartition.ts';
import type { LedgerRow, PartitionRow, TotalRow } from './judge/books.ts';
import { Findings } from './judge/findings.ts';
import { Holes } from './judge/holes.ts';
import type { LogItem } from './judge/log.ts';
import { parseNumeric } from './record/amount.ts';

const unit = parseNumeric('1');

interface FakeBooks {
  readonly rows: readonly LedgerRow[];
  readonly totals: readonly TotalRow[];
}

/** Makes fake books in memory. They refuse queries without a limit. */
function compareWith({ rows, totals }: FakeBooks) {
  const inside = (range: { from: bigint; to: bigint }) =>
    rows.filter(({ offset }) => range.from <= offset && offset < range.to);
  const seen = { largestPage: 0, calls: 0 };
  const books: CompareOptions['books'] = {
    async readRows(range) {
      seen.largestPage = Math.max(seen.largestPage, Number(range.to - range.from));
      return inside(range);
    },
    async readRowsById(ids) {
      const wanted = new Set(ids);
      return rows.filter(({ requestId }) => wanted.has(requestId));
    },
    readConflicts: async () => [],
    readParked: async () => [],
    async readTotals(_place, after, limit) {
      seen.calls += 1;
      return { totals: totals.filter(({ series }) => series > after).slice(0, limit), nextOffset: BigInt(rows.length) };
    },
    async readValues(range, limit) {
      const { after, last } = range;
      const wanted = inside(range).filter(({ series }) => series > after && (last === undefined || series <= last));
      return wanted.slice(0, limit);
    },
  };
  const findings = new Findings();
  const options = {
    books,
    findings,
    holes: new Holes(),
    retry: <T>(ask: () => Promise<T>) => ask(),
    onProgress: () => {},
  };
  return { options, findings, seen };
}

function partitionOf(rows: readonly LedgerRow[]): PartitionRow {
  const next = BigInt(rows.length);
  const none = { duplicate: 0n, conflict: 0n, parked: 0n, expired: 0n, haltReason: undefined };
  return { logEpoch: 1, partition: 0, firstOffset: 0n, nextOffset: next, applied: next, ...none };
}

const id = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const seriesOf = (index: number) => `series-${String(index).padStart(6, '0')}`;

function ledger(count: number, seriesCount: number): LedgerRow[] {
  return Array.from({ length: count }, (_, index) => {
    const place = { logEpoch: 1, partition: 0, offset: BigInt(index) };
    return {
      requestId: id(index),
      series: seriesOf(index % seriesCount),
      a: unit,
      b: parseNumeric('0'),
      value: unit,
      ...place,
    };
  });
}

async function* logOf(rows: readonly LedgerRow[]): AsyncGenerator<LogItem> {
  for (const { offset, requestId, series, a, b, value } of rows) {
    yield { kind: 'addition', offset, addition: { requestId, series, a, b, value } };
  }
}

describe('a partition', () => {
  test('is compared in pages of bounded size', async () => {
    const rows = ledger(12_345, 10);
    const { options, findings, seen } = compareWith({ rows, totals: [] });
    const tally = await comparePartition(partitionOf(rows), logOf(rows), options);
    assert.deepEqual([tally.applied, findings.total, seen.largestPage], [12_345n, 0, 2_000]);
  });

  test('whose log cannot be read further is named, and its rows in PostgreSQL are still compared', async () => {
    const rows = ledger(10, 1);
    const { options, findings } = compareWith({ rows, totals: [] });
    async function* broken(): AsyncGenerator<LogItem> {
      yield* logOf(rows.slice(0, 4));
      throw new Error('the broker is gone');
    }
    const row = partitionOf(rows);
    const tally = await comparePartition(
      row,
      withEnds(row, 8n, broken(), () => false),
      options,
    );
    assert.deepEqual([tally.applied, findings.total], [10n, 0]);
    assert.deepEqual(
      [...options.holes.listed('unreadable'), ...options.holes.listed('outside')].map(
        ({ kind, from, to }) => `${kind} ${from}-${to}`,
      ),
      ['unreadable 4-8', 'outside 8-10'],
    );
    await assert.rejects(
      comparePartition(
        row,
        withEnds(row, 8n, broken(), () => true),
        options,
      ),
      /the broker is gone/,
    );
  });
});

describe('the totals of a partition with more series than are in memory at a time', () => {
  const rows = ledger(130_000, 60_000);
  const totals = Array.from({ length: 60_000 }, (_, index) => ({
    series: seriesOf(index),
    total: parseNumeric(index < 10_000 ? '3' : '2'),
    count: index < 10_000 ? 3n : 2n,
  }));

  test('are all compared, in parts', async () => {
    const { options, findings, seen } = compareWith({ rows, totals });
    await compareTotals(partitionOf(rows), options);
    assert.deepEqual([findings.summary().listed, seen.calls], [[], 2]);
  });

  for (const [what, index] of [
    ['first', 7],
    ['last', 59_999],
  ] as const) {
    test(`are wrong when one of the ${what} part is, or is missing`, async () => {
      const missing = compareWith({ rows, totals: totals.filter(({ series }) => series !== seriesOf(index)) });
      await compareTotals(partitionOf(rows), missing.options);
      const wrong = compareWith({
        rows,
        totals: totals.with(index, { series: seriesOf(index), total: unit, count: 2n }),
      });
      await compareTotals(partitionOf(rows), wrong.options);
      for (const { findings } of [missing, wrong]) {
        const found = findings.summary().listed.map(({ kind, series }) => `${kind} ${series}`);
        assert.deepEqual(found, [`TotalDiffers ${seriesOf(index)}`]);
      }
    });
  }
});
