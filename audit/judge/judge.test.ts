import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseNumeric } from '#audit/record/amount.ts';
import type { PartitionRow } from './books.ts';
import { judgeCounters, judgeExtent } from './counters.ts';
import { Findings } from './findings.ts';
import { Holes } from './holes.ts';
import type { Tally } from './page.ts';
import { TotalsJudge } from './totals.ts';

const row: PartitionRow = {
  logEpoch: 1,
  partition: 0,
  firstOffset: 10n,
  nextOffset: 30n,
  applied: 12n,
  duplicate: 5n,
  conflict: 3n,
  parked: 0n,
  expired: 0n,
  haltReason: undefined,
};
const found: Tally = { applied: 12n, duplicate: 4n, conflict: 3n, parked: 0n, unknown: 1n };

describe('the counters of a partition', () => {
  for (const [what, books, tally, finds] of [
    ['are right', {}, {}, {}],
    ['do not cover the offsets', { applied: 13n }, {}, { LawViolated: 1, CountersDiffer: 1 }],
    ['differ from the numbers of rows', { applied: 13n, duplicate: 4n }, {}, { CountersDiffer: 2 }],
    ['tell copies that the log does not have', {}, { duplicate: 3n }, { CountersDiffer: 1 }],
    ['have fewer conflicts than there are', { conflict: 2n, duplicate: 6n }, {}, { CountersDiffer: 2 }],
    ['have parked records', { parked: 1n, applied: 11n }, { parked: 1n, applied: 11n }, { RecordsParked: 1 }],
    ['may count expired copies', { expired: 2n, duplicate: 3n }, {}, {}],
    ['are of a partition that waits for an upgrade', { haltReason: 'RecordTooNew' }, {}, {}],
    ['are of a partition that is halted', { haltReason: 'LogTruncated' }, {}, { PartitionHalted: 1 }],
  ] as const) {
    test(what, () => {
      const findings = new Findings();
      judgeCounters({ ...row, ...books }, { ...found, ...tally }, findings);
      assert.deepEqual(findings.summary().counts, finds, JSON.stringify(findings.summary().listed));
    });
  }
});

describe('the rows of the ledger', () => {
  const counted = { from: 10n, to: 30n };
  for (const [what, extent, finds] of [
    ['are in the range that the partition has counted', { lowest: 10n, highest: 29n, counted }, {}],
    ['are before the range', { lowest: 9n, highest: 29n, counted }, { RowsOutside: 1 }],
    ['are after the range', { lowest: 10n, highest: 30n, counted }, { RowsOutside: 1 }],
    ['are of a partition that is not listed', { lowest: 0n, highest: 0n, counted: undefined }, { RowsOutside: 1 }],
  ] as const) {
    test(what, () => {
      const findings = new Findings();
      judgeExtent({ logEpoch: 1, partition: 0, ...extent }, findings);
      assert.deepEqual(findings.summary().counts, finds);
    });
  }
});

describe('the totals of a partition', () => {
  const value = (series: string, text: string) => ({ series, value: parseNumeric(text) });
  const total = (series: string, text: string, count: bigint) => ({ series, total: parseNumeric(text), count });
  const rows = [value('a', '0.1'), value('a', '0.2'), value('b', '-5')];
  for (const [what, totals, series] of [
    ['are the sums of their rows', [total('a', '0.3', 2n), total('b', '-5', 1n)], []],
    ['have another sum', [total('a', '0.4', 2n), total('b', '-5', 1n)], ['a']],
    ['have another count', [total('a', '0.3', 3n), total('b', '-5', 1n)], ['a']],
    ['are missing', [total('b', '-5', 1n)], ['a']],
    ['have no rows', [total('a', '0.3', 2n), total('b', '-5', 1n), total('c', '0', 1n)], ['c']],
  ] as const) {
    test(what, () => {
      const findings = new Findings();
      const judge = new TotalsJudge({ logEpoch: 1, partition: 0 }, totals);
      for (const one of rows) judge.add(one);
      judge.judge(findings);
      assert.deepEqual(
        findings.summary().listed.map((finding) => `${finding.kind} ${finding.series}`),
        series.map((name) => `TotalDiffers ${name}`),
      );
    });
  }

  test('are missing: only a limited number of series without a total is kept', () => {
    const findings = new Findings();
    const judge = new TotalsJudge({ logEpoch: 1, partition: 0 }, []);
    for (let index = 0; index < 5_000; index++) judge.add(value(`series-${index}`, '1'));
    judge.judge(findings);
    assert.deepEqual(findings.summary().counts, { TotalDiffers: 1_001 });
    assert.equal(findings.summary().listed.length, 20);
  });
});

describe('the findings', () => {
  test('are listed up to a limit for each kind, and further ones are only counted', () => {
    const findings = new Findings();
    for (let index = 0; index < 5_000; index++) {
      findings.add({ kind: 'NotCounted', message: String(index) });
      findings.lacks(`series-${index}`, parseNumeric('1'));
    }
    findings.add({ kind: 'TotalDiffers', message: 'a total' });
    const { counts, listed } = findings.summary();
    assert.deepEqual(counts, { NotCounted: 5_000, TotalDiffers: 1 });
    assert.deepEqual([listed.length, listed.at(-1)?.kind, findings.total], [21, 'TotalDiffers', 5_001]);
    assert.deepEqual([findings.seriesSummary().listed.length, findings.seriesSummary().recordsOfOthers], [200, 4_800]);
  });

  test('join adjacent holes, and list only a limited number', () => {
    const holes = new Holes();
    const range = { logEpoch: 1, partition: 0, kind: 'removed', reason: 'retention', rows: 2n } as const;
    for (let at = 0n; at < 10n; at += 1n) holes.add({ ...range, from: at, to: at + 1n });
    for (let at = 20n; at < 1_020n; at += 2n) holes.add({ ...range, kind: 'missing', from: at, to: at + 1n });
    assert.deepEqual(holes.listed('removed'), [{ ...range, from: 0n, to: 10n, rows: 20n }]);
    assert.deepEqual([holes.listed('missing').length, holes.notListed('missing')], [200, 300]);
    assert.deepEqual([holes.offsets('missing'), holes.offsets('removed'), holes.offsets('cut')], [500n, 10n, 0n]);
  });
});
