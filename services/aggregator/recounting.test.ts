import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#platform/log.ts';
import type { PartitionRecount, RecountRequest, RecountResult } from '#services/ledger/port.ts';
import { until } from '#test/support/condition.ts';
import { keepRecounted, type RecountingOptions } from './recounting.ts';

const times = {
  everyMs: 1,
  fromStartAfterMs: 60_000,
  retry: { minimumMs: 1, maximumMs: 2, random: () => 0 },
};

/** A scripted ledger that records the calls, and a state that accepts every result. */
function fake(owned: readonly number[], fromStartAt: (partition: number) => Date) {
  const calls: string[] = [];
  const results: (RecountResult | PartitionRecount)[] = [];
  const failures: Error[] = [];
  const ended = new AbortController();
  const options: RecountingOptions = {
    ledger: {
      async recount(request: RecountRequest = {}) {
        calls.push(`all${request.fromStart === true ? ' from the start' : ''}`);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return { additions: 0n, differences: [] };
      },
      async recountPartition(partition: number, request: RecountRequest = {}) {
        calls.push(`${partition}${request.fromStart === true ? ' from the start' : ''}`);
        await request.between?.(0);
        return { logEpoch: 1, partition, additions: 0n, differences: [], fromStartAt: fromStartAt(partition) };
      },
    },
    state: {
      get wasVerified() {
        return results.length > 0;
      },
      set recount(result: RecountResult) {
        results.push(result);
      },
      recounted: (result) => void results.push(result),
    },
    logger: silentLogger,
    owned: () => owned,
  };
  return { calls, results, failures, ended, options };
}

test('every partition is recounted first, then the owned ones, and an old checkpoint is renewed from the start', async () => {
  const { calls, ended, options } = fake([4, 7], (partition) => new Date(partition === 7 ? 0 : Date.now()));
  const running = keepRecounted(options, ended.signal, times);
  await until('two rounds', () => calls.length >= 7, { seen: () => calls });
  ended.abort();
  await running;
  assert.deepEqual(calls.slice(0, 7), ['all', '4', '7', '7 from the start', '4', '7', '7 from the start']);
});

test('a first recount that fails is repeated, and nothing is reported after the end', async () => {
  const { calls, results, failures, ended, options } = fake([], () => new Date());
  failures.push(new Error('PostgreSQL is away'));
  const running = keepRecounted(options, ended.signal, times);
  await until('the second recount', () => results.length === 1, { seen: () => calls });
  ended.abort();
  await running;
  assert.deepEqual(calls.slice(0, 2), ['all', 'all']);

  const late = fake([], () => new Date());
  late.ended.abort();
  await keepRecounted(late.options, late.ended.signal, times);
  assert.deepEqual([late.calls, late.results], [[], []]);
});
