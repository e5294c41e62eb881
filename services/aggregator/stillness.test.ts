import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Standing, Stillness, StuckWatch } from './stillness.ts';

const stuckAfterMs = 120_000;

const standing = (nextOffset: bigint, lag: bigint, partition = 0) => new Map([[partition, { nextOffset, lag }]]);

describe('a partition with lag', () => {
  test('is stuck when its next offset did not change for too long', () => {
    const stillness = new Stillness(stuckAfterMs);
    assert.deepEqual(stillness.look(standing(5n, 3n), 0), []);
    assert.deepEqual(stillness.look(standing(5n, 9n), stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(5n, 9n), stuckAfterMs + 10_000), [
      { partition: 0, nextOffset: 5n, lag: 9n, ms: 130_000 },
    ]);
  });

  test('is not stuck when it was idle for hours and has just got a record', () => {
    const stillness = new Stillness(stuckAfterMs);
    stillness.look(standing(5n, 0n), 0);
    assert.deepEqual(stillness.look(standing(5n, 1n), 100 * stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(6n, 0n), 101 * stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(6n, 1n), 200 * stuckAfterMs), []);
  });

  test('is not stuck while it makes progress, however slowly', () => {
    const stillness = new Stillness(stuckAfterMs);
    for (let look = 0; look < 10; look++) {
      assert.deepEqual(stillness.look(standing(BigInt(look), 1_000n), look * stuckAfterMs), []);
    }
  });

  test('starts again after an outage, and after another process owned the partition', () => {
    const stillness = new Stillness(stuckAfterMs);
    stillness.look(standing(5n, 1n), 0);
    stillness.forget();
    assert.deepEqual(stillness.look(standing(5n, 1n), 2 * stuckAfterMs), []);
    stillness.look(standing(1n, 1n, 3), 3 * stuckAfterMs);
    assert.deepEqual(stillness.look(standing(5n, 1n), 4 * stuckAfterMs), []);
  });
});

describe('the process ends', () => {
  const limits = { allMs: 100, oneMs: 1_000 };
  const none = new Map<number, string>();
  const at = (offsets: readonly bigint[]) =>
    new Map<number, Standing>(offsets.map((nextOffset, partition) => [partition, { nextOffset, lag: 9n }]));

  test('when no partition makes progress and no cause is known', () => {
    const watch = new StuckWatch(limits);
    assert.equal(watch.look(at([5n, 5n]), none, 0), undefined);
    assert.equal(watch.look(at([5n, 5n]), none, 100), undefined);
    assert.equal(watch.look(at([5n, 5n]), none, 110)?.ms, 110);
  });

  test('only much later when others make progress: with a slow PostgreSQL each partition waits for its turn', () => {
    const watch = new StuckWatch(limits);
    for (let ms = 0; ms <= 1_000; ms += 50) assert.equal(watch.look(at([5n, BigInt(ms)]), none, ms), undefined);
    assert.deepEqual(watch.look(at([5n, 9_999n]), none, 1_010), { partition: 0, nextOffset: 5n, lag: 9n, ms: 1_010 });
  });

  test('although other partitions get their first records now and then', () => {
    const watch = new StuckWatch(limits);
    const lagging = (count: number) => new Map([...at([5n, 5n, 5n, 5n, 5n, 5n])].slice(0, count));
    for (let ms = 0; ms <= 100; ms += 50) assert.equal(watch.look(lagging(1 + ms / 50), none, ms), undefined);
    assert.equal(watch.look(lagging(6), none, 150)?.ms, 150);
  });

  test('but not for a partition with a known external cause', () => {
    const watch = new StuckWatch(limits);
    const obstacles = new Map([[0, 'locked']]);
    for (let ms = 0; ms <= 5_000; ms += 50) assert.equal(watch.look(at([5n]), obstacles, ms), undefined);
    assert.equal(watch.look(at([5n]), none, 5_050), undefined, 'the time begins when the obstacle is over');
  });
});
