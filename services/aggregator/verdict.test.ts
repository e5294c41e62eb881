import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseVerdict, type Verdict } from '#contract/verdict.ts';
import type { OwnedBooks } from '#services/ledger/port.ts';
import { buildProof } from './proof.ts';
import { AggregatorState } from './state.ts';
import { buildVerdict, decideExactness, type VerdictFacts } from './verdict.ts';

const ok = { ok: true, reason: 'Connected', message: 'fine' };
const down = { ok: false, reason: 'Unreachable', message: 'no route' };

const books: OwnedBooks = {
  logEpoch: 1,
  partition: 0,
  firstOffset: 0n,
  nextOffset: 5n,
  applied: 3n,
  duplicate: 1n,
  conflict: 1n,
  parked: 0n,
  expired: 0n,
  ownerEpoch: 2n,
  owner: 'pod',
  halt: undefined,
};

const good: VerdictFacts = {
  kafka: ok,
  store: ok,
  durability: ok,
  halts: new Map(),
  books: [books],
  recount: { additions: 3n, differences: [] },
};

const haltOf = (reason: 'LogGap' | 'RecordTooNew') => new Map([[1, { reason, message: 'seen' }]]);

describe('the decision whether the total is exact', () => {
  for (const [what, facts, exact, reason] of [
    ['all is well', good, true, 'Exact'],
    ['nothing was ever read', { ...good, books: [], recount: { additions: 0n, differences: [] } }, true, 'Exact'],
    ['Kafka is away after a recount', { ...good, kafka: down }, true, 'Exact'],
    ['Kafka is away before the first recount', { ...good, kafka: down, recount: undefined }, null, 'Unreachable'],
    ['the recount has not ended', { ...good, recount: undefined }, null, 'Recounting'],
    ['the books cannot be read', { ...good, store: down }, null, 'Unreachable'],
    [
      'the recount differs',
      {
        ...good,
        recount: { additions: 3n, differences: [{ logEpoch: 1, partition: 0, summary: 's', message: 's differs' }] },
      },
      false,
      'RecountDiffers',
    ],
    ['comparing fails again and again', { ...good, recountProblem: 'no space' }, null, 'RecountFailed'],
    ['the first comparison fails', { ...good, recount: undefined, recountProblem: 'no space' }, null, 'RecountFailed'],
    ['a law is broken', { ...good, books: [{ ...books, applied: 2n }] }, false, 'LawViolated'],
    ['a record is parked', { ...good, books: [{ ...books, nextOffset: 6n, parked: 1n }] }, false, 'RecordsParked'],
    ['a gap halted a partition', { ...good, halts: haltOf('LogGap') }, false, 'LogGap'],
    [
      'another replica, or an earlier process, halted a partition',
      { ...good, books: [{ ...books, halt: { reason: 'LogGap', message: 'seen' } }] },
      false,
      'LogGap',
    ],
    ['the counted topic is gone', { ...good, kafka: { ...down, reason: 'TopicMissing' } }, null, 'TopicMissing'],
    ['the counted log is another one', { ...good, kafka: { ...down, reason: 'LogChanged' } }, null, 'LogChanged'],
    [
      'a newer record, and in the books something worse, halted a partition',
      {
        ...good,
        halts: haltOf('RecordTooNew'),
        books: [{ ...books, partition: 1, halt: { reason: 'LogGap', message: 'seen' } }],
      },
      false,
      'LogGap',
    ],
    ['a newer record halted a partition', { ...good, halts: haltOf('RecordTooNew') }, true, 'Exact'],
  ] as const) {
    test(`says ${exact} because ${reason} when ${what}`, () => {
      const found = decideExactness(facts);
      assert.deepEqual([found.exact, found.reason], [exact, reason]);
    });
  }
});

describe('a verdict', () => {
  test('fits the contract, however long the messages are', () => {
    const verdict = buildVerdict({ ...good, kafka: { ...down, message: 'x'.repeat(9000) } }, new Date(0));
    assert.deepEqual(parseVerdict(JSON.stringify(verdict)), { ok: true, value: verdict });
  });

  test('names what any replica halted: a partition stays halted while it goes from one to the next', () => {
    const halt = { reason: 'RecordTooNew', message: 'in the books' };
    const facts = { ...good, books: [{ ...books, partition: 3, halt }], halts: haltOf('LogGap') };
    assert.deepEqual(buildVerdict(facts, new Date(0)).halts, [
      { partition: 1, reason: 'LogGap', message: 'seen' },
      { partition: 3, ...halt },
    ]);
    // While PostgreSQL cannot be read, the halts that were read from it may be outdated, so they are left out.
    assert.deepEqual(
      buildVerdict({ ...facts, store: down }, new Date(0)).halts.map(({ partition }) => partition),
      [1],
    );
    const ours = { ...facts, halts: new Map([[3, { reason: 'RecordTooNew', message: 'ours' }]]) };
    assert.deepEqual(buildVerdict(ours, new Date(0)).halts, [
      { partition: 3, reason: 'RecordTooNew', message: 'ours' },
    ]);
  });

  test('is published when it flips, and not when numbers grow', () => {
    const published: Verdict[] = [];
    const state = new AggregatorState({ now: () => new Date(0), onVerdict: (verdict) => published.push(verdict) });
    state.store = ok;
    assert.deepEqual(published, [], 'Kafka was not tried yet');
    state.kafka = ok;
    state.recount = { additions: 3n, differences: [] };
    state.books = [books];
    state.books = [{ ...books, nextOffset: 6n, applied: 4n }];
    state.books = [{ ...books, nextOffset: 7n, applied: 4n, parked: 1n }];
    state.books = [{ ...books, nextOffset: 8n, applied: 5n, parked: 1n }];
    assert.deepEqual(
      published.map(({ exact, reason }) => [exact, reason]),
      [
        [null, 'Recounting'],
        [true, 'Exact'],
        [false, 'RecordsParked'],
      ],
    );
  });
});

describe('a proof', () => {
  const at = new Date(0);
  const exactness = decideExactness(good);
  const facts = { exactness, books: [books], logEpoch: 1, at };
  const range = (earliest: bigint, end: bigint) => new Map([[0, { earliest, end }]]);

  test('names every partition that Kafka lists, also those that no aggregator has read yet', () => {
    const ranges = new Map([...range(0n, 9n), [1, { earliest: 0n, end: 4n }]]);
    const proof = buildProof({ ...facts, ranges });
    assert.equal(proof.exact, true);
    assert.deepEqual(
      proof.partitions.map(({ partition, nextOffset, logEnd, ownerEpoch }) => [
        partition,
        nextOffset,
        logEnd,
        ownerEpoch,
      ]),
      [
        [0, 5n, 9n, 2n],
        [1, 0n, 4n, 0n],
      ],
    );
  });

  for (const [what, ranges, reason] of [
    ['Kafka cannot be asked', undefined, 'LogUnreachable'],
    ['a counted partition is gone', new Map(), 'PartitionMissing'],
    ['the log ends before what was counted', range(0n, 4n), 'LogTruncated'],
    ['records vanished before they were counted', range(6n, 9n), 'LogTruncated'],
    [
      'records vanished from a partition that no aggregator has read yet',
      new Map([...range(0n, 5n), [1, { earliest: 2n, end: 5n }]]),
      'LogTruncated',
    ],
  ] as const) {
    test(`is not exact when ${what}`, () => {
      const proof = buildProof({ ...facts, ranges });
      assert.deepEqual([proof.exact, proof.reason], [false, reason]);
    });
  }

  test('holds when retention removed records that are counted, and says when none is left to compare', () => {
    const some = buildProof({ ...facts, ranges: range(4n, 9n) });
    assert.deepEqual([some.exact, some.message], [true, exactness.message]);
    const all = buildProof({ ...facts, ranges: range(5n, 9n) });
    assert.equal(all.exact, true);
    assert.match(all.message, /; partition 0 was not compared with the log, because retention removed /);
  });
});
