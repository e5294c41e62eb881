import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculatorMetrics } from '#contract/metrics.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { Calls } from './calls.ts';
import type { CallContext } from './method.ts';

function build() {
  const calls = new Calls({
    logger: silentLogger,
    metrics: createMetrics(calculatorMetrics, { processMetrics: false }).metrics,
  });
  let goAway = () => {};
  const run = (work: (call: CallContext) => Promise<string>) =>
    calls.run(
      {
        method: 'Add',
        deadline: undefined,
        trace: {},
        span: { name: 'Add' },
        onGone: (gone) => {
          goAway = gone;
        },
      },
      work,
    );
  return { run, goAway: () => goAway() };
}

test('a client that goes away aborts the signal of a handler that waits', async () => {
  const { run, goAway } = build();
  const answer = run(
    ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped'), { once: true })),
  );
  goAway();
  assert.deepEqual(await answer, { ok: true, response: 'stopped' });
});

test('a handler that looks late still sees that the client has disconnected', async () => {
  const { run, goAway } = build();
  const answer = run(async (call) => {
    await Promise.resolve();
    return String(call.signal.aborted);
  });
  goAway();
  assert.deepEqual(await answer, { ok: true, response: 'true' });
});

test('after the answer nothing is aborted: an abort would cost time in every call', async () => {
  const { run, goAway } = build();
  let signal: AbortSignal | undefined;
  await run(async (call) => {
    signal = call.signal;
    return 'done';
  });
  goAway();
  assert.equal(signal?.aborted, false);
});
