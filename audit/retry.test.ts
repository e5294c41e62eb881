import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRetry } from './retry.ts';

/** Makes a request that fails `failures` times and then succeeds. Records its calls. */
function asked(failures: number, { isFinal = false, stepMs = 1_000 } = {}) {
  const seen = { asked: 0, waits: [] as string[], refreshed: 0 };
  let now = 0;
  const retry = createRetry({
    now: () => (now += stepMs),
    random: () => 0,
    isFinal: () => isFinal,
    onWait: (error) => seen.waits.push(String(error)),
    wait: async () => {},
    beforeNext: async () => {
      seen.refreshed += 1;
      throw new Error('not refreshed');
    },
  });
  const answer = retry(async () => {
    seen.asked += 1;
    if (seen.asked <= failures) throw new Error(`failure ${seen.asked}`);
    return 'answer';
  });
  return { answer, seen };
}

describe('a request', () => {
  test('is retried while it fails, and each failure is reported', async () => {
    const { answer, seen } = asked(2);
    assert.equal(await answer, 'answer');
    assert.deepEqual(seen, { asked: 3, waits: ['Error: failure 1', 'Error: failure 2'], refreshed: 2 });
  });

  test('that fails for a minute throws its last error', async () => {
    const { answer, seen } = asked(1_000);
    await assert.rejects(answer, /failure 61/);
    assert.equal(seen.asked, 61);
  });

  test('whose error is final is not retried', async () => {
    const { answer, seen } = asked(1, { isFinal: true });
    await assert.rejects(answer, /failure 1/);
    assert.deepEqual(seen, { asked: 1, waits: [], refreshed: 0 });
  });
});
