import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Verdict } from '#contract/verdict.ts';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { addition, claimAndApply, idOf, startTestStore, type TestStore } from '#test/support/testLedger.ts';
import { healthy } from './health.ts';
import { keepRecounted } from './recounting.ts';
import { AggregatorState } from './state.ts';

let store: TestStore;

before(async () => {
  store = await startTestStore();
});

after(() => store[Symbol.asyncDispose]());

/** An aggregator's state that recounts the real ledger of partition 0 all the time. */
async function startRecounting(times: { fromStartAfterMs: number }) {
  const scope = await store.freshLedger();
  await claimAndApply(scope.ledger, 0, [addition(0, 1), addition(1, 2)]);
  const verdicts: Verdict[] = [];
  const state = new AggregatorState({ now: () => new Date(), onVerdict: (verdict) => verdicts.push(verdict) });
  state.store = healthy('connected');
  state.kafka = healthy('connected');
  state.books = await scope.ledger.readBooks();
  const ending = new AbortController();
  const running = keepRecounted(
    { ledger: scope.ledger, state, logger: silentLogger, owned: () => [0] },
    ending.signal,
    { everyMs: 20, retry: { minimumMs: 10, maximumMs: 20, random: Math.random }, ...times },
  );
  return {
    ...scope,
    /** Waits until the newest verdict has this reason. */
    untilReason: (reason: string) =>
      until(`verdict ${reason}`, () => verdicts.at(-1)?.reason === reason, { seen: () => verdicts.at(-1) }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await running;
      await scope[Symbol.asyncDispose]();
    },
  };
}

test('a total that another program changes while the aggregator runs makes the verdict not exact until it is right again', async () => {
  await using running = await startRecounting({ fromStartAfterMs: 3_600_000 });
  await running.untilReason('Exact');
  await running.admin.query('UPDATE totals SET total = total + 1');
  await running.untilReason('RecountDiffers');
  await running.admin.query('UPDATE totals SET total = total - 1');
  await running.untilReason('Exact');
});

test('a row that another program deletes below the checkpoint is found when the checkpoint has become old', async () => {
  await using running = await startRecounting({ fromStartAfterMs: 200 });
  await running.untilReason('Exact');
  await running.admin.query(`DELETE FROM ledger WHERE request_id = '${idOf(1)}'`);
  await running.untilReason('RecountDiffers');
  assert.deepEqual((await running.admin.query('SELECT FROM recounts WHERE compared_at IS NOT NULL')).rows, []);
});
