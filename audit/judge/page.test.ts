import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseNumeric } from '#audit/record/amount.ts';
import type { ConflictRow, LedgerRow, ParkedRow } from './books.ts';
import { Findings } from './findings.ts';
import { Holes } from './holes.ts';
import type { LogHole, LogItem } from './log.ts';
import { judgePage, type Tally } from './page.ts';

const place = { logEpoch: 1, partition: 2 };
const [one, two, three] = ['1', '2', '3'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`) as [
  string,
  string,
  string,
];

interface Operands {
  readonly series?: string;
  readonly a?: string;
  readonly b?: string;
}

function operands({ series = 's', a = '1', b = '2' }: Operands) {
  return { series, a: parseNumeric(a), b: parseNumeric(b) };
}

function addition(offset: bigint, requestId: string, some: Operands = {}): LogItem {
  const { a = '1', b = '2' } = some;
  const value = parseNumeric(String(Number(a) + Number(b)));
  return { kind: 'addition', offset, addition: { requestId, ...operands(some), value } };
}

function row(
  offset: bigint,
  requestId: string,
  some: Operands & { value?: string; partition?: number } = {},
): LedgerRow {
  const { a = '1', b = '2', value = String(Number(a) + Number(b)) } = some;
  const partition = some.partition ?? place.partition;
  return { requestId, ...operands(some), value: parseNumeric(value), logEpoch: 1, partition, offset };
}

const conflict = (offset: bigint, requestId: string, some: Operands): ConflictRow => ({
  offset,
  requestId,
  ...operands(some),
});
const invalid = (offset: bigint): LogItem => ({
  kind: 'invalid',
  offset,
  reason: 'foreign',
  keyHash: 'k',
  valueHash: 'v',
});
const withheld = (offset: bigint): LogItem => ({ kind: 'withheld', offset, reason: 'a marker' });
const hole = (kind: LogHole['kind'], from: bigint, to: bigint): LogItem => ({ kind, from, to, reason: 'some reason' });
function parked(offset: bigint, hashes: { keyHash?: string; valueHash?: string } = {}): ParkedRow {
  return { offset, keyHash: hashes.keyHash, valueHash: hashes.valueHash, reason: 'why' };
}

interface Case {
  readonly what: string;
  readonly items: readonly LogItem[];
  readonly rows?: readonly LedgerRow[];
  /** Rows of the ledger at positions outside the page. */
  readonly elsewhere?: readonly LedgerRow[];
  readonly conflicts?: readonly ConflictRow[];
  readonly parked?: readonly ParkedRow[];
  readonly finds?: Record<string, number>;
  readonly tally?: Partial<Tally>;
  readonly difference?: string;
  readonly holes?: readonly string[];
}

const kept = { keyHash: 'k', valueHash: 'v' };

const cases: readonly Case[] = [
  {
    what: 'every record with its disposition is right',
    items: [
      addition(0n, one),
      addition(1n, one),
      addition(2n, one, { a: '9' }),
      invalid(3n),
      withheld(4n),
      addition(5n, two),
    ],
    rows: [row(0n, one), row(5n, two)],
    conflicts: [conflict(2n, one, { a: '9' })],
    parked: [parked(3n, kept), parked(4n)],
    tally: { applied: 2n, duplicate: 1n, conflict: 1n, parked: 2n, unknown: 0n },
  },
  {
    what: 'a copy of an addition that counts in another partition is right',
    items: [addition(0n, one)],
    elsewhere: [row(70n, one, { partition: 0 })],
    tally: { duplicate: 1n },
  },
  { what: 'a missing ledger row', items: [addition(0n, one)], finds: { NotCounted: 1 }, difference: '3' },
  {
    what: 'a ledger row with another value',
    items: [addition(0n, one)],
    rows: [row(0n, one, { a: '5' })],
    finds: { RowDiffers: 1 },
    difference: '-4',
  },
  {
    what: 'a ledger row with another series',
    items: [addition(0n, one)],
    rows: [row(0n, one, { series: 'other' })],
    finds: { RowDiffers: 1 },
  },
  {
    what: 'a ledger row whose value is not the sum of its operands',
    items: [hole('removed', 0n, 1n)],
    rows: [row(0n, one, { value: '4' })],
    finds: { RowDiffers: 1 },
    holes: ['removed 0-1 rows 1'],
  },
  {
    what: 'an addition that is counted twice',
    items: [addition(0n, one), addition(1n, one)],
    rows: [row(0n, one), row(1n, one)],
    finds: { CountedTwice: 2 },
  },
  {
    what: 'a ledger row that is not in the log, because another record has its offset',
    items: [addition(0n, two)],
    rows: [row(0n, one, { a: '10' })],
    finds: { NotCounted: 1, NotInLog: 1 },
    difference: '-9',
  },
  {
    what: 'a ledger row where the log has a copy of another addition',
    items: [addition(0n, two), addition(1n, two)],
    rows: [row(0n, two), row(1n, one)],
    finds: { NotInLog: 1 },
    difference: '-3',
    tally: { applied: 2n, duplicate: 0n },
  },
  {
    what: 'a ledger row behind the end of the log',
    items: [hole('cut', 0n, 3n)],
    rows: [row(1n, one)],
    finds: { NotInLog: 1 },
    difference: '-3',
    tally: { applied: 1n, unknown: 2n },
    holes: ['cut 0-3 rows 1'],
  },
  {
    what: 'a counted record that is no addition',
    items: [invalid(0n)],
    rows: [row(0n, one)],
    finds: { CountedInvalid: 1 },
    difference: '-3',
  },
  { what: 'a foreign record that is not parked', items: [invalid(0n)], finds: { NotParked: 1 } },
  { what: 'a marker that is not parked', items: [withheld(0n)], finds: { NotParked: 1 } },
  {
    what: 'parked bytes that are not the ones of the record',
    items: [invalid(0n), invalid(1n), withheld(2n)],
    parked: [parked(0n), parked(1n, { ...kept, valueHash: 'x' }), parked(2n, kept)],
    finds: { ParkedDiffers: 3 },
  },
  {
    what: 'a valid addition that is parked',
    items: [addition(0n, one)],
    parked: [parked(0n)],
    finds: { ParkedReadable: 1 },
    difference: '3',
  },
  {
    what: 'a record with other operands that is not kept aside',
    items: [addition(0n, one, { a: '7' })],
    elsewhere: [row(9n, one)],
    finds: { ConflictMissing: 1 },
  },
  {
    what: 'a conflict whose id does not count',
    items: [addition(0n, one)],
    conflicts: [conflict(0n, one, {})],
    finds: { ConflictDiffers: 1 },
    difference: '3',
  },
  {
    what: 'a conflict whose id counts with the same operands',
    items: [addition(0n, one)],
    elsewhere: [row(9n, one)],
    conflicts: [conflict(0n, one, {})],
    finds: { ConflictDiffers: 1 },
  },
  {
    what: 'a conflict that says something else than its record',
    items: [addition(0n, one), invalid(1n), addition(2n, one, { a: '8' })],
    elsewhere: [row(9n, one)],
    conflicts: [conflict(0n, two, {}), conflict(1n, three, {}), conflict(2n, one, { a: '7' })],
    finds: { ConflictDiffers: 3 },
  },
  {
    what: 'two dispositions of one offset',
    items: [addition(0n, one), addition(1n, two)],
    rows: [row(0n, one), row(1n, two)],
    conflicts: [conflict(1n, two, { a: '3' })],
    parked: [parked(0n)],
    finds: { TwoDispositions: 2 },
  },
  {
    what: 'what cannot be read is named, unless all of it is parked',
    items: [hole('unreadable', 0n, 2n), hole('unreadable', 2n, 4n)],
    rows: [row(0n, one)],
    parked: [parked(2n), parked(3n)],
    tally: { applied: 1n, parked: 2n, unknown: 1n },
    holes: ['unreadable 0-2 rows 1'],
  },
];

describe('a page of the log is compared with PostgreSQL:', () => {
  for (const { what, items, rows = [], elsewhere = [], conflicts = [], parked: aside = [], ...expected } of cases) {
    test(what, () => {
      const last = items.at(-1);
      const to = last === undefined ? 0n : 'to' in last ? last.to : last.offset + 1n;
      const rowsById = Map.groupBy([...rows, ...elsewhere], ({ requestId }) => requestId);
      const tally: Tally = { applied: 0n, conflict: 0n, parked: 0n, duplicate: 0n, unknown: 0n };
      const [findings, holes] = [new Findings(), new Holes()];
      judgePage(
        { ...place, from: 0n, to, items, rows, conflicts, parked: aside, rowsById },
        { findings, holes, tally },
      );
      const { counts, listed } = findings.summary();
      assert.deepEqual(counts, expected.finds ?? {}, JSON.stringify(listed));
      assert.ok(listed.every((finding) => finding.partition === place.partition && finding.offset !== undefined));
      assert.deepEqual(tally, { ...tally, ...expected.tally });
      assert.deepEqual(
        (['removed', 'missing', 'cut', 'unreadable'] as const)
          .flatMap((kind) => holes.listed(kind))
          .map(({ kind, from, to: end, rows: n }) => `${kind} ${from}-${end} rows ${n}`),
        expected.holes ?? [],
      );
      if (expected.difference !== undefined) {
        assert.deepEqual(
          findings.seriesSummary().listed.map(({ series, difference }) => [series, difference]),
          [['s', expected.difference]],
        );
      }
    });
  }
});
