import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#platform/log.ts';
import { LogEnds } from './logEnds.ts';

/** Builds a LogEnds with a fake Kafka, and the series that it exports. */
function build() {
  const series = new Map<number, number>();
  const state = { now: 1_000_000, answer: (): Promise<ReadonlyMap<number, bigint>> | undefined => undefined };
  const logEnds = new LogEnds({
    read: () => state.answer(),
    set: (partition, end) => series.set(partition, end),
    remove: (partition) => series.delete(partition),
    logger: silentLogger,
    now: () => state.now,
  });
  const tell = async (ends: [number, bigint][]) => {
    state.answer = async () => new Map(ends);
    await logEnds.refresh();
  };
  return { series, state, logEnds, tell };
}

test('log ends are exported when Kafka has returned them, not before', async () => {
  const { series, logEnds, tell } = build();
  await logEnds.refresh();
  assert.equal(series.size, 0);
  await tell([
    [0, 0n],
    [1, 41n],
  ]);
  assert.deepEqual(
    [...series],
    [
      [0, 0],
      [1, 41],
    ],
  );
});

test('a partition whose end was not read for three periods loses its series, others keep theirs', async () => {
  const { series, state, tell } = build();
  await tell([
    [0, 7n],
    [1, 8n],
  ]);
  state.now += 30_000;
  await tell([[0, 9n]]);
  assert.deepEqual([series.get(0), series.get(1)], [9, 8]);
  state.now += 1;
  await tell([[0, 9n]]);
  assert.deepEqual([...series], [[0, 9]]);
});

test('after errors or a lost connection the series are absent, never 0', async () => {
  const { series, state, logEnds, tell } = build();
  await tell([[0, 7n]]);
  state.answer = () => Promise.reject(new Error('no'));
  state.now += 20_000;
  await logEnds.refresh();
  assert.equal(series.get(0), 7);
  state.answer = () => undefined;
  state.now += 10_001;
  await logEnds.refresh();
  assert.equal(series.size, 0);
});

test('an acknowledgement raises the known end, and an older response does not lower it', async () => {
  const { series, state, logEnds, tell } = build();
  logEnds.raise(0, 3n);
  assert.equal(series.size, 0, 'without an end from Kafka there is no series');
  await tell([[0, 7n]]);
  logEnds.raise(0, 9n);
  logEnds.raise(0, 8n);
  assert.equal(series.get(0), 9);
  const late = Promise.withResolvers<ReadonlyMap<number, bigint>>();
  state.answer = () => late.promise;
  const asking = logEnds.refresh();
  logEnds.raise(0, 12n);
  late.resolve(new Map([[0, 9n]]));
  await asking;
  assert.equal(series.get(0), 12);
  await tell([[0, 2n]]);
  assert.equal(series.get(0), 2, 'a truncated partition has a lower end');
});
