import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, joinsAndLeaves, latenciesOf, type Point } from './timeline.ts';

const nothing = {
  offered: 0,
  incoming: undefined,
  lag: 0,
  ownLag: 0,
  capacity: undefined,
  desired: 1,
  replicas: 1,
  ready: 1,
  hpaDesired: undefined,
  generation: undefined,
};

/** The points of a step at 10 s: recorded at 14, scaled at 20 and 25, ready at 40, drained at 52. */
const points: Point[] = Array.from({ length: 60 }, (_, at) => ({
  ...nothing,
  at,
  desired: at === 17 ? undefined : at < 14 ? 1 : 4,
  replicas: at < 20 ? 1 : at < 25 ? 3 : at < 58 ? 4 : 2,
  ready: at < 40 ? 1 : at < 58 ? 4 : 2,
  ownLag: at < 10 || at >= 52 ? 0 : 5000,
}));
const record = { points, marks: [] };

test('changes are those inside the given time, and a gap is not a change', () => {
  assert.deepEqual(changesOf(record, 'desired', { from: 10, to: 60 }), [{ at: 14, from: 1, to: 4 }]);
  const changes = changesOf(record, 'replicas', { from: 20, to: 50 });
  assert.deepEqual(changes, [{ at: 25, from: 3, to: 4 }]);
  assert.equal(joinsAndLeaves([...changes, { at: 50, from: 4, to: 1 }]), 4);
});

test('each stage of a step is timed from the end of the stage before, to the last rise', () => {
  const step = { from: 10, to: 60, drainedLag: 100 };
  assert.deepEqual(latenciesOf(record, step), { recorded: 4, scaled: 6, ready: 15, drained: 12 });
});

test('a stage that did not happen has no time, and neither have the stages after it', () => {
  const latencies = latenciesOf(record, { from: 10, to: 19, drainedLag: 100 });
  assert.deepEqual(latencies, { recorded: 4, scaled: undefined, ready: undefined, drained: undefined });
});
