import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartitionChooser } from './partitionChooser.ts';

/** Builds a log in which broker `leaders[p]` leads partition p. Undefined means no leader. */
function build(leaders: (number | undefined)[]) {
  const clock = { now: 1_000_000 };
  const log = {
    get partitionCount() {
      return leaders.length;
    },
    leaderOf: (partition: number) => leaders[partition],
  };
  const chooser = new PartitionChooser({ log: () => log, now: () => clock.now });
  const choose = (avoid: number[] = []) => chooser.choose(new Set(avoid));
  /** Returns the partitions of the next `count` appends. Each append is acknowledged at once. */
  const next = (count: number) =>
    Array.from({ length: count }, () => {
      const chosen = choose();
      chosen?.answered();
      return chosen?.partition;
    });
  return { clock, chooser, choose, next };
}

test('the partitions are chosen in turn', () => {
  const { next } = build([0, 1, 2, 0]);
  assert.deepEqual(next(6), [0, 1, 2, 3, 0, 1]);
});

test('a partition whose leader does not respond for too long is excluded, and included again after the response', () => {
  const { clock, choose, next } = build([7, 8, 7, 8]);
  const hung = choose();
  assert.equal(hung?.partition, 0);
  clock.now += 1_001;
  assert.deepEqual(next(4), [1, 3, 1, 3]);
  clock.now += 60_000;
  // The other leader is chosen although it has more appends in flight, because the late leader may never respond.
  const others = [choose(), choose(), choose()];
  assert.deepEqual(
    others.map((chosen) => chosen?.leader),
    [8, 8, 8],
  );
  for (const other of others) other?.answered();
  hung?.answered();
  assert.deepEqual(next(4), [2, 3, 0, 1]);
});

test('a partition that moved to another leader is used at once', () => {
  const leaders = [7, 8];
  const { clock, choose, next } = build(leaders);
  choose();
  clock.now += 1_001;
  assert.deepEqual(next(2), [1, 1]);
  leaders[0] = 9;
  assert.deepEqual(next(2), [0, 1]);
});

test('new partitions are used at once', () => {
  const leaders = [7, 7];
  const { next } = build(leaders);
  assert.deepEqual(next(2), [0, 1]);
  leaders.push(7, 7);
  assert.deepEqual(next(4), [2, 3, 0, 1]);
});

test('a partition that refused rests and is tried again later; others of its leader do not rest', () => {
  const { clock, choose, next } = build([7, 7]);
  choose()?.failed('notWritten');
  assert.deepEqual(next(3), [1, 1, 1]);
  clock.now += 101;
  assert.deepEqual(next(1), [0]);
});

test('each failure in a row doubles the rest, up to five seconds', () => {
  const { clock, choose } = build([7, 8]);
  const restMs = () => {
    const from = clock.now;
    while (true) {
      const chosen = choose();
      if (chosen?.partition === 0) {
        chosen.failed('unknown');
        return clock.now - from;
      }
      chosen?.answered();
      clock.now += 10;
    }
  };
  restMs();
  const rests = Array.from({ length: 9 }, restMs);
  assert.deepEqual(
    rests.map((ms) => Math.round(ms / 100) * 100),
    [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000],
  );
});

test('a broker that ended without a response rests with all its partitions', () => {
  const { choose, next } = build([7, 7, 8]);
  choose()?.failed('unknown');
  assert.deepEqual(next(3), [2, 2, 2]);
});

test('records that are too large say nothing about the partition', () => {
  const { choose, next } = build([7, 8]);
  choose()?.failed('tooLarge');
  assert.deepEqual(next(2), [1, 0]);
});

test('the broker with the fewest appends in flight is next', () => {
  const { choose } = build([7, 7, 8, 9]);
  assert.deepEqual(
    [choose(), choose(), choose()].map((chosen) => chosen?.leader),
    [7, 8, 9],
  );
});

test('without a healthy partition a first append goes to the best of the others, and no copy is made', () => {
  const { clock, choose } = build([7, 8]);
  choose();
  clock.now += 1_001;
  choose()?.failed('unknown');
  assert.equal(choose([7]), undefined, 'a copy is not sent to a resting leader');
  assert.equal(choose()?.partition, 1, 'a resting leader is better than a late one');
});

test('no partition is chosen if it has no leader, or without a connection', () => {
  const { next } = build([undefined, 7, undefined]);
  assert.deepEqual(next(3), [1, 1, 1]);
  const none = build([undefined]);
  assert.equal(none.choose(), undefined);
  assert.equal(new PartitionChooser({ log: () => undefined, now: () => 0 }).choose(new Set()), undefined);
});
