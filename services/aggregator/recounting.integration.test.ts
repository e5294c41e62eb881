import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Verdict } from '#contract/verdict.ts';
import { silentLogger } from '#platform/log.ts';
import type { Ledger } from '#services/ledger/port.ts';
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

/** Starts to compare a real ledger with its totals every 20 ms, and collects the verdicts. */
async function startRecounting({ renewAfterMs = 3_600_000, isAssigned = true, isWrong = false } = {}) {
  const scope = await store.freshLedger();
  const { ledger, admin } = scope;
  await claimAndApply(ledger, 0, [addition(0, 1), addition(1, 2)]);
  if (isWrong) await admin.query('UPDATE totals SET total = total + 1');
  const verdicts: Verdict[] = [];
  const state = new AggregatorState({ now: () => new Date(), onVerdict: (verdict) => verdicts.push(verdict) });
  state.store = healthy('connected');
  state.kafka = healthy('connected');
  state.books = await ledger.readBooks();
  const ending = new AbortController();
  let rounds = 0;
  const counted: Pick<Ledger, 'recount' | 'recountPlace'> = {
    recount: (request) => ledger.recount(request),
    recountPlace(place, request) {
      rounds++;
      return ledger.recountPlace(place, request);
    },
  };
  const assigned = isAssigned ? [{ logEpoch: 1, partition: 0 }] : [];
  const running = keepRecounted(
    { ledger: counted, state, logger: silentLogger, assigned: () => assigned },
    ending.signal,
    { everyMs: 20, retry: { minimumMs: 10, maximumMs: 20 }, renewAfterMs },
  );
  return {
    ledger,
    admin,
    verdicts,
    /** Waits until two more comparisons have begun, so that one has ended. */
    async untilCompared() {
      const from = rounds;
      await until('two comparisons', () => rounds >= from + 2);
    },
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

test('a total that another program changes while the aggregator runs makes the verdict not exact until it is repaired', async () => {
  await using running = await startRecounting();
  await running.untilReason('Exact');
  await running.admin.query('UPDATE totals SET total = total + 1');
  await running.untilReason('RecountDiffers');
  await running.admin.query('UPDATE totals SET total = total - 1');
  await running.untilReason('Exact');
});

test('a row that another program deletes below the checkpoint is found when the checkpoint is old', async () => {
  await using running = await startRecounting({ renewAfterMs: 200 });
  await running.untilReason('Exact');
  await running.admin.query(`DELETE FROM ledger WHERE request_id = '${idOf(1)}'`);
  await running.untilReason('RecountDiffers');
});

test('a difference in a partition of another aggregator is known from the start, and ends when it is repaired', async () => {
  await using running = await startRecounting({ isAssigned: false, isWrong: true });
  await running.untilReason('RecountDiffers');
  await running.admin.query('UPDATE totals SET total = total - 1');
  await running.untilReason('Exact');
});

test('a difference is published once, although its numbers grow', async () => {
  await using running = await startRecounting({ isWrong: true });
  await running.untilReason('RecountDiffers');
  const { length } = running.verdicts;
  await claimAndApply(running.ledger, 0, [addition(2, 3)]);
  await running.untilCompared();
  assert.equal(running.verdicts.length, length);
});
