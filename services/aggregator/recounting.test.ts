import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#platform/log.ts';
import type { BooksPlace, RecountRequest, RecountResult } from '#services/ledger/port.ts';
import { until } from '#test/support/condition.ts';
import { keepRecounted, type RecountingOptions } from './recounting.ts';

const times = { everyMs: 1, renewAfterMs: 60_000, retry: { minimumMs: 1, maximumMs: 2 } };
const placeOf = (partition: number): BooksPlace => ({ logEpoch: 1, partition });

/** Creates a scripted ledger that records its calls, and a state that takes all results. */
function fake({ assigned = [] as number[], old = [] as number[] }) {
  const calls: string[] = [];
  const problems: (string | undefined)[] = [];
  const failures: Error[] = [];
  const ending = new AbortController();
  const state = { wasVerified: false, differing: [] as BooksPlace[] };
  const call = (what: string, { from = 'checkpoint' }: RecountRequest = {}) => {
    calls.push(from === 'checkpoint' ? what : `${what} ${from}`);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const options: RecountingOptions = {
    ledger: {
      async recount(request) {
        call('all', request);
        return { additions: 0n, differences: [] };
      },
      async recountPlace(place, request) {
        call(`${place.partition}`, request);
        const isOld = old.includes(place.partition) && request?.from === undefined;
        return { ...place, additions: 0n, differences: [], fromStartAt: new Date(isOld ? 0 : Date.now()) };
      },
    },
    state: {
      get wasVerified() {
        return state.wasVerified;
      },
      get differing() {
        return state.differing;
      },
      set recount(_result: RecountResult) {
        state.wasVerified = true;
      },
      set recountProblem(problem: string | undefined) {
        problems.push(problem);
      },
      recounted: () => {},
    },
    logger: silentLogger,
    assigned: () => assigned.map(placeOf),
  };
  return { calls, problems, failures, state, ending, options };
}

test('every partition is compared first, then the assigned ones and those with a difference, and old checkpoints are renewed', async () => {
  const { calls, state, ending, options } = fake({ assigned: [4, 7], old: [7] });
  state.differing = [placeOf(7), placeOf(9)];
  const running = keepRecounted(options, ending.signal, times);
  await until('three rounds', () => calls.filter((call) => call === '9').length >= 3, { seen: () => calls });
  ending.abort();
  await running;
  assert.equal(calls[0], 'all');
  assert.deepEqual(calls.filter((call) => !call.includes('renewal')).slice(1, 7), ['4', '7', '9', '4', '7', '9']);
  assert.deepEqual([...new Set(calls.filter((call) => call.includes('renewal')))], ['7 renewal']);
});

test('a first comparison that fails is reported and repeated', async () => {
  const { calls, problems, failures, state, ending, options } = fake({});
  failures.push(new Error('no space left'));
  const running = keepRecounted(options, ending.signal, times);
  await until('the second comparison', () => state.wasVerified, { seen: () => calls });
  ending.abort();
  await running;
  assert.deepEqual(calls, ['all', 'all']);
  assert.deepEqual(problems, ['the ledger cannot be compared with the totals: no space left; retrying']);
});

test('later comparisons that fail are reported after three in a row, until one works', async () => {
  const { calls, problems, failures, state, ending, options } = fake({ assigned: [0] });
  state.wasVerified = true;
  failures.push(...[1, 2, 3].map((number) => new Error(`failure ${number}`)));
  const running = keepRecounted(options, ending.signal, times);
  await until('the comparison that works', () => problems.length === 2, { seen: () => [calls, problems] });
  ending.abort();
  await running;
  assert.match(problems[0] ?? '', /failure 3; retrying$/);
  assert.equal(problems[1], undefined);
});

test('nothing is compared after the end', async () => {
  const { calls, ending, options } = fake({ assigned: [0] });
  ending.abort();
  await keepRecounted(options, ending.signal, times);
  assert.deepEqual(calls, []);
});
