import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aggregatorMetrics } from '#contract/metrics.ts';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import {
  type IsSameRecord,
  type LogAssignment,
  type LogBatch,
  LogGapError,
  LogRangeError,
  type LogRecord,
  LogReplacedError,
  LogRewrittenError,
  LogUnavailableError,
  NotMemberError,
} from '#services/eventlog/port.ts';
import {
  type Anchor,
  BooksError,
  FencedError,
  type Ledger,
  type LedgerHalt,
  StoreIdentityError,
  StoreUnavailableError,
} from '#services/ledger/port.ts';
import { anchorOf } from './anchor.ts';
import { Partitions } from './partitions.ts';

/** Builds fakes of a ledger with one partition and of an assignment. They record calls and fail as the test says. */
function setUp(options: { nextOffset?: bigint; anchor?: Anchor } = {}) {
  const calls: string[] = [];
  const clock = { ms: 0 };
  const failures = new Map<string, Error[]>();
  const ending = new AbortController();
  let epoch = 0n;
  let nextOffset = options.nextOffset ?? 0n;
  let isCounted: IsSameRecord = () => assert.fail('nothing is read');
  let { anchor } = options;
  const step = async (call: string): Promise<void> => {
    calls.push(call);
    const failure = failures.get(call.split(' ')[0] ?? '')?.shift();
    if (failure !== undefined) throw failure;
  };
  const assignment: LogAssignment = {
    generation: 1,
    partitions: [0],
    signal: ending.signal,
    proveMembership: () => step('prove'),
    readFrom: (_partition, offset, isSame = () => assert.fail('nothing to compare with')) => {
      isCounted = isSame;
      return step(`read ${offset}`);
    },
    stop: () => assert.fail('no stop was expected'),
    commitForDashboards: async () => {},
  };
  let halted: LedgerHalt | undefined;
  const ledger: Pick<Ledger, 'claim' | 'applyBatch' | 'halt'> = {
    async claim() {
      await step('claim');
      epoch += 1n;
      const halt = halted?.stays === true ? halted : undefined;
      return { ownerEpoch: epoch, firstOffset: 0n, nextOffset, anchor, halt };
    },
    async halt(halt) {
      await step(`halt ${halt.reason} epoch ${halt.ownerEpoch}`);
      halted = halt;
    },
    async applyBatch(batch) {
      await step(`apply ${batch.firstOffset} epoch ${batch.ownerEpoch}`);
      nextOffset = batch.nextOffset;
      anchor = batch.anchor;
      return { applied: batch.additions.length, duplicate: 0, conflict: 0, parked: batch.parked.length };
    },
  };
  const fatal: Error[] = [];
  let changes = 0;
  const { metrics, exposition } = createMetrics(aggregatorMetrics, { processMetrics: false });
  const partitions = new Partitions({
    ledger: ledger as Ledger,
    confirmLog: async () => {
      const failure = failures.get('confirm')?.shift();
      if (failure !== undefined) throw failure;
    },
    owner: 'me',
    logger: silentLogger,
    metrics,
    now: () => clock.ms,
    random: () => 0,
    onChange: () => changes++,
    onApplied: () => {},
    onFatal: (error) => fatal.push(error),
  });
  return {
    partitions,
    /** Returns the exposed gauges of partitions. */
    gauges: async () => (await exposition.render()).split('\n').filter((line) => /^sumpipeline_.*partition/.test(line)),
    assignment,
    /** Does what the reader does before the first delivery: compares a record with the last counted record. */
    isCounted: (record: LogRecord) => isCounted(record),
    calls,
    clock,
    fatal,
    ending,
    changes: () => changes,
    fail: (call: string, ...errors: Error[]) => failures.set(call, errors),
    /** Moves the next offset in PostgreSQL. Another owner can do that, and so can a commit if its response is lost. */
    moveBooks: (offset: bigint) => {
      nextOffset = offset;
    },
    /** Clears the halt as an administrator does. */
    clearHalt: () => {
      halted = undefined;
    },
    async assign(partitionsOfIt: readonly number[] = [0]) {
      partitions.assign(Object.assign(assignment, { partitions: partitionsOfIt }));
      await partitions.whenIdle();
    },
    batch(offset: number, schema = '1'): LogBatch {
      const requestId = `00000000-0000-4000-8000-${String(offset + 1).padStart(12, '0')}`;
      const { key, value } = encodeRecord(parseAddition({ requestId, series: 's', a: '1', b: '2' }));
      const record = { offset: BigInt(offset), key, value, schema, appendedAt: 0, leaderEpoch: 0 };
      return { partition: 0, firstOffset: record.offset, records: [record], highWatermark: 9n, assignment };
    },
  };
}

describe('the gauges of partitions', () => {
  const none = [
    'sumpipeline_assigned_partitions 0',
    'sumpipeline_owned_partitions 0',
    'sumpipeline_halted_partitions 0',
  ];

  test('are removed with the connection, so that no old number is shown beside a new one; halts stay known', async () => {
    const { assign, partitions, batch, gauges } = setUp();
    await assign([0, 1]);
    await partitions.apply(batch(0));
    partitions.stopped(1, new LogGapError({ partition: 1, expected: 0n, got: 3n }));
    await partitions.whenIdle();
    assert((await gauges()).includes('sumpipeline_next_offset{partition="0"} 1'));
    assert((await gauges()).includes('sumpipeline_partition_halted{partition="1"} 1'));
    partitions.retire();
    assert.deepEqual(await gauges(), none);
    assert.equal(partitions.halts.get(1)?.reason, 'LogGap');
  });

  test('show no halt after a committed batch has cleared it', async () => {
    const { assign, partitions, batch, gauges } = setUp();
    await assign();
    partitions.stopped(0, new LogGapError({ partition: 0, expected: 0n, got: 3n }));
    await partitions.whenIdle();
    await assign();
    assert((await gauges()).includes('sumpipeline_halted_partitions 1'));
    await partitions.apply(batch(0));
    assert((await gauges()).includes('sumpipeline_halted_partitions 0'));
  });
});

describe('the anchor of a partition', () => {
  test('is made from the last record of the last commit', async () => {
    const { assign, partitions, batch, isCounted } = setUp();
    await assign();
    const [first, second] = [batch(0), batch(1)];
    await partitions.apply(first);
    assert.equal(isCounted(first.records[0]), true);
    assert.equal(isCounted({ ...first.records[0], value: Buffer.from('another') }), false);
    await partitions.apply(second);
    assert.deepEqual([isCounted(second.records[0]), isCounted(first.records[0])], [true, false]);
  });

  test('is read from PostgreSQL at a claim; without an anchor nothing is compared', async () => {
    const [counted] = setUp().batch(4).records;
    const other = { ...counted, appendedAt: 1 };
    const anchored = setUp({ nextOffset: 5n, anchor: anchorOf(counted) });
    await anchored.assign();
    assert.deepEqual([anchored.isCounted(counted), anchored.isCounted(other)], [true, false]);
    const older = setUp({ nextOffset: 5n });
    await older.assign();
    assert.equal(older.isCounted(other), true);
  });

  test('halts the partition if the log has another record, until an administrator clears the halt', async () => {
    const { assign, partitions, calls, clearHalt } = setUp({ nextOffset: 5n });
    await assign();
    partitions.stopped(0, new LogRewrittenError({ partition: 0, offset: 4n }));
    await partitions.whenIdle();
    assert.equal(partitions.halts.get(0)?.reason, 'LogRewritten');
    assert.match(partitions.halts.get(0)?.message ?? '', /offset 4 differs from the record that was counted/);
    await assign();
    assert.deepEqual(calls.slice(-2), ['prove', 'claim'], 'a new assignment does not read it');
    clearHalt();
    await assign();
    assert.equal(calls.at(-1), 'read 5');
  });
});

describe('a partition', () => {
  test('is counted by this process from its assignment on, claimed or not, until it halts', async () => {
    const { assign, fail, partitions, batch } = setUp();
    assert.deepEqual(partitions.counting, []);
    fail('claim', new StoreUnavailableError('StoreError', 'away'));
    const assigned = assign();
    assert.deepEqual([partitions.counting, [...partitions.owned.keys()]], [[0], []]);
    await assigned;
    assert.deepEqual([partitions.counting, [...partitions.owned.keys()]], [[0], [0]]);
    fail('apply', new BooksError('LawViolated', 'broken'));
    await partitions.apply(batch(0));
    assert.deepEqual(partitions.counting, []);
  });

  test('has an obstacle while PostgreSQL or Kafka blocks it, until a batch is counted', async () => {
    const { assign, fail, partitions, batch } = setUp();
    const obstacles = () => [...partitions.obstacles.values()];
    fail('claim', new StoreUnavailableError('StoreError', 'locked'));
    await assign();
    assert.deepEqual(obstacles(), ['locked'], 'a claim does not end the obstacle');
    await partitions.apply(batch(0));
    assert.deepEqual(obstacles(), []);
    partitions.waits(0, 'a transaction is open');
    assert.deepEqual(obstacles(), ['a transaction is open']);
  });

  test('has no obstacle any more if none was reported for some time', async () => {
    const { assign, fail, partitions, clock } = setUp();
    fail('claim', new StoreUnavailableError('StoreError', 'locked'));
    await assign();
    assert.equal(partitions.obstacles.size, 1);
    clock.ms += 91_000;
    assert.equal(partitions.obstacles.size, 0);
  });

  test('has no obstacle if its membership cannot be proven', async () => {
    const { assign, fail, partitions } = setUp();
    fail('prove', new NotMemberError('not now'));
    await assign();
    assert.equal(partitions.obstacles.size, 0);
  });

  test('has no obstacle after an error without a known cause', async () => {
    const { assign, fail, partitions } = setUp();
    fail('claim', new Error('what is this'));
    await assign();
    assert.equal(partitions.obstacles.size, 0);
  });

  test('is claimed only after a proof of membership, and read from the next offset in PostgreSQL', async () => {
    const { assign, calls } = setUp({ nextOffset: 7n });
    await assign();
    assert.deepEqual(calls, ['prove', 'claim', 'read 7']);
  });

  test('is not claimed by a member that cannot prove its membership; the member retries', async () => {
    const { assign, calls, fail } = setUp();
    fail('prove', new NotMemberError('who are you'));
    await assign();
    assert.deepEqual(calls, ['prove', 'prove', 'claim', 'read 0']);
  });

  test('is not claimed after its assignment has ended', async () => {
    const { assign, calls, fail, ending } = setUp();
    fail('prove', ...Array.from({ length: 100 }, () => new NotMemberError('who are you')));
    const assigned = assign();
    ending.abort();
    await assigned;
    assert.ok(!calls.includes('claim'), calls.join());
  });

  test('counts nothing of a batch while the topic id cannot be confirmed, and keeps its claim', async () => {
    const { assign, calls, fail, partitions, batch } = setUp();
    await assign();
    fail('confirm', new LogUnavailableError('Unreachable', 'the leader does not answer'));
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'again' });
    assert.deepEqual(calls.slice(3), []);
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'confirmed', nextOffset: 1n });
    assert.deepEqual(calls.slice(3), ['apply 0 epoch 1']);
  });

  test('counts nothing of a log that was replaced after the fetch, and ends the session', async () => {
    const { assign, calls, fail, fatal, partitions, batch } = setUp();
    await assign();
    const replaced = new LogReplacedError({ topic: 'log', wanted: 'a', found: 'b' });
    fail('confirm', replaced);
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'again' });
    assert.deepEqual(calls.slice(3), []);
    assert.deepEqual(fatal, [replaced]);
  });

  test('has a higher next offset after every committed batch', async () => {
    const { assign, calls, partitions, batch } = setUp();
    await assign();
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'confirmed', nextOffset: 1n });
    assert.deepEqual(await partitions.apply(batch(1)), { kind: 'confirmed', nextOffset: 2n });
    assert.deepEqual(calls.slice(3), ['apply 0 epoch 1', 'apply 1 epoch 1']);
  });

  for (const [what, error] of [
    ['the fence is lost', new FencedError('another owner')],
    ['the outcome of the commit is unknown', new StoreUnavailableError('StoreError', 'connection lost')],
  ] as const) {
    test(`drops the batch when ${what}, claims again and reads from the next offset in PostgreSQL`, async () => {
      const { assign, calls, partitions, batch, fail, moveBooks } = setUp();
      await assign();
      fail('apply', error);
      moveBooks(5n);
      assert.deepEqual(await partitions.apply(batch(0)), { kind: 'stop' });
      await partitions.whenIdle();
      assert.deepEqual(calls, ['prove', 'claim', 'read 0', 'apply 0 epoch 1', 'prove', 'claim', 'read 5']);
      await partitions.apply(batch(5));
      assert.equal(calls.at(-1), 'apply 5 epoch 2');
    });
  }

  test('commits nothing of a batch that does not begin at the next offset', async () => {
    const { assign, calls, partitions, batch } = setUp();
    await assign();
    assert.deepEqual(await partitions.apply(batch(3)), { kind: 'stop' });
    await partitions.whenIdle();
    assert.ok(!calls.some((call) => call.startsWith('apply')), calls.join());
  });

  test('commits nothing of a batch from an assignment that has ended', async () => {
    const { assign, calls, partitions, batch } = setUp();
    await assign();
    const other = setUp().assignment;
    assert.deepEqual(await partitions.apply({ ...batch(0), assignment: other }), { kind: 'stop' });
    assert.ok(!calls.some((call) => call.startsWith('apply')), calls.join());
  });

  test('keeps the claim of the next generation when an older generation fails late', async () => {
    const { assign, partitions, batch, fail, ending } = setUp();
    await assign();
    fail('apply', new FencedError('another owner'));
    const late = partitions.apply(batch(0));
    ending.abort();
    assert.deepEqual(await late, { kind: 'stop' });
    await partitions.whenIdle();
    assert.deepEqual([...partitions.halts], []);
  });

  test('halts when the log has a gap, until a batch commits again', async () => {
    const { assign, partitions, batch, changes, calls } = setUp();
    await assign();
    partitions.stopped(0, new LogGapError({ partition: 0, expected: 0n, got: 3n }));
    assert.equal(partitions.halts.get(0)?.reason, 'LogGap');
    assert.equal(changes(), 1);
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'stop' });
    await partitions.whenIdle();
    assert.equal(calls.at(-1), 'halt LogGap epoch 1', 'the halt is stored in PostgreSQL');
    await assign();
    assert.equal(partitions.halts.size, 1, 'a new assignment does not clear the halt');
    await partitions.apply(batch(0));
    assert.equal(partitions.halts.size, 0);
  });

  const lost = new LogRangeError({ partition: 0, wanted: 0n, earliest: 3n, end: 9n });

  test('is not read again after the log lost the next records, whatever the log holds later, until an administrator clears the halt', async () => {
    const { assign, partitions, calls, clearHalt } = setUp();
    await assign();
    partitions.stopped(0, lost);
    await partitions.whenIdle();
    assert.deepEqual(calls.splice(0), ['prove', 'claim', 'read 0', 'halt LogTruncated epoch 1']);
    await assign();
    assert.deepEqual(calls.splice(0), ['prove', 'claim']);
    assert.equal(partitions.halts.get(0)?.reason, 'LogTruncated');
    clearHalt();
    await assign();
    assert.deepEqual(calls, ['prove', 'claim', 'read 0']);
  });

  test('is not read again if the halt could not be stored in time: the next claim stores it first', async () => {
    const { assign, partitions, calls, fail } = setUp();
    await assign();
    fail('halt', new FencedError('another owner'));
    partitions.stopped(0, lost);
    await partitions.whenIdle();
    calls.splice(0);
    await assign();
    assert.deepEqual(calls, ['prove', 'claim', 'halt LogTruncated epoch 2']);
  });

  test('that was just added and is not listed by every broker yet is claimed again, not halted', async () => {
    const unlisted = new LogRangeError({ partition: 0, wanted: 0n, earliest: 0n, end: 0n });
    const { assign, partitions, calls, fail } = setUp();
    fail('read', unlisted);
    await assign();
    assert.deepEqual(calls.splice(0), ['prove', 'claim', 'read 0', 'prove', 'claim', 'read 0']);
    partitions.stopped(0, unlisted);
    await partitions.whenIdle();
    assert.deepEqual(calls, ['prove', 'claim', 'read 0']);
    assert.equal(partitions.halts.size, 0);
  });

  test('retries to store a halt until it is stored', async () => {
    const { assign, partitions, calls, fail } = setUp();
    await assign();
    fail('halt', new StoreUnavailableError('StoreError', 'connection lost'));
    partitions.stopped(0, lost);
    await partitions.whenIdle();
    assert.deepEqual(calls.slice(3), ['halt LogTruncated epoch 1', 'halt LogTruncated epoch 1']);
  });

  test('that halted and moved to another member is reported only from PostgreSQL', async () => {
    const { assign, partitions } = setUp();
    await assign();
    partitions.stopped(0, new LogGapError({ partition: 0, expected: 0n, got: 3n }));
    await partitions.whenIdle();
    await assign([]);
    assert.equal(partitions.halts.size, 0);
  });

  test('halts when the tables contradict themselves', async () => {
    const { assign, partitions, batch, fail } = setUp();
    await assign();
    fail('apply', new BooksError('LawViolated', 'it does not add up'));
    assert.deepEqual(await partitions.apply(batch(0)), { kind: 'stop' });
    assert.equal(partitions.halts.get(0)?.reason, 'BooksBroken');
  });

  test('halts at a record of a newer schema', async () => {
    const { assign, partitions, batch } = setUp();
    await assign();
    assert.deepEqual(await partitions.apply(batch(0, '2')), { kind: 'stop' });
    assert.equal(partitions.halts.get(0)?.reason, 'RecordTooNew');
  });

  test('ends the session when the schema belongs to another pipeline', async () => {
    const { assign, fatal, fail } = setUp();
    fail('claim', new StoreIdentityError('StoreInUse', 'not yours'));
    await assign();
    assert.deepEqual(
      fatal.map(({ message }) => message),
      ['not yours'],
    );
  });
});

test('commits the start of a claim to Kafka for dashboards, because the last owner may not have committed it', async () => {
  const { partitions, assignment } = setUp({ nextOffset: 41n });
  const told: string[] = [];
  partitions.assign({
    ...assignment,
    commitForDashboards: async (offsets) => void told.push(JSON.stringify([...offsets].map(String))),
  });
  await partitions.whenIdle();
  await partitions.rest();
  assert.deepEqual(told, ['["0,41"]']);
});
