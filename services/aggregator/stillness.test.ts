import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stillness, stuckAfterMs } from './stillness.ts';

const standing = (nextOffset: bigint, lag: bigint, partition = 0) => new Map([[partition, { nextOffset, lag }]]);

describe('a partition with lag', () => {
  it('is stuck when the books did not move for too long', () => {
    const stillness = new Stillness(stuckAfterMs);
    assert.deepEqual(stillness.look(standing(5n, 3n), 0), []);
    assert.deepEqual(stillness.look(standing(5n, 9n), stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(5n, 9n), stuckAfterMs + 10_000), [
      { partition: 0, nextOffset: 5n, lag: 9n, ms: 130_000 },
    ]);
  });

  it('is not when it was idle for hours and has just got a record', () => {
    const stillness = new Stillness(stuckAfterMs);
    stillness.look(standing(5n, 0n), 0);
    assert.deepEqual(stillness.look(standing(5n, 1n), 100 * stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(6n, 0n), 101 * stuckAfterMs), []);
    assert.deepEqual(stillness.look(standing(6n, 1n), 200 * stuckAfterMs), []);
  });

  it('is not while it moves, however slowly', () => {
    const stillness = new Stillness(stuckAfterMs);
    for (let look = 0; look < 10; look++) {
      assert.deepEqual(stillness.look(standing(BigInt(look), 1_000n), look * stuckAfterMs), []);
    }
  });

  it('is judged anew after an outage, and after it was somebody else’s', () => {
    const stillness = new Stillness(stuckAfterMs);
    stillness.look(standing(5n, 1n), 0);
    stillness.forget();
    assert.deepEqual(stillness.look(standing(5n, 1n), 2 * stuckAfterMs), []);
    stillness.look(standing(1n, 1n, 3), 3 * stuckAfterMs);
    assert.deepEqual(stillness.look(standing(5n, 1n), 4 * stuckAfterMs), []);
  });
});
