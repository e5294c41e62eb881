import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTo } from './arguments.ts';
import type { LogItem } from './judge/log.ts';
import { intoPages } from './pages.ts';
import { formatProgress, throttled } from './progress.ts';

async function* itemsOf(...items: LogItem[]): AsyncGenerator<LogItem> {
  yield* items;
}
const record = (offset: bigint): LogItem => ({ kind: 'withheld', offset, reason: '' });
const hole = (from: bigint, to: bigint): LogItem => ({ kind: 'missing', from, to, reason: '' });

async function pagesOf(first: bigint, ...items: LogItem[]): Promise<string[]> {
  const shape = (item: LogItem) => ('from' in item ? `${item.from}-${item.to}` : String(item.offset));
  const pages: string[] = [];
  for await (const { from, to, items: some } of intoPages(itemsOf(...items), first, 4n)) {
    pages.push(`${from}..${to}: ${some.map(shape).join(' ')}`);
  }
  return pages;
}

describe('pages of a partition', () => {
  test('have the given number of offsets, and the last page has the rest', async () => {
    assert.deepEqual(await pagesOf(5n, ...[5n, 6n, 7n, 8n, 9n].map(record)), ['5..9: 5 6 7 8', '9..10: 9']);
    assert.deepEqual(await pagesOf(0n, ...[0n, 1n, 2n, 3n].map(record)), ['0..4: 0 1 2 3']);
    assert.deepEqual(await pagesOf(0n), []);
  });

  test('split holes that are larger than a page', async () => {
    const pages = await pagesOf(0n, record(0n), hole(1n, 10n), record(10n));
    assert.deepEqual(pages, ['0..4: 0 1-4', '4..8: 4-8', '8..11: 8-10 10']);
  });
});

describe('the positions of --to', () => {
  test('are returned as the offset plus one', () => {
    assert.deepEqual(parseTo('0:41,3:7'), {
      ok: true,
      to: new Map([
        [0, 42n],
        [3, 8n],
      ]),
    });
    assert.deepEqual(parseTo(''), { ok: true, to: new Map() });
  });
  for (const text of ['x', '0', '0:', '1:2,', '-1:2', '0:1,0:2', '2/0:1', Array(2000).fill('0:1').join(',')]) {
    test(`are refused as "${text.slice(0, 20)}"`, () => assert.equal(parseTo(text).ok, false));
  }
});

describe('progress', () => {
  test('is one line with the place and the percentage of all', () => {
    const line = formatProgress({ partition: 2, offset: 120_000n, done: 119_999n, all: 255_000n });
    assert.equal(line, 'partition 2 at offset 120000: 47 % of 255000 offsets');
    assert.match(formatProgress({ partition: 0, offset: 0n, done: 0n, all: 0n }), /100 %/);
  });

  test('is reported at once, and then every five seconds', () => {
    let now = 0;
    const told: number[] = [];
    const tell = throttled<number>(
      (value) => told.push(value),
      () => now,
    );
    for (now = 0; now <= 12_000; now += 1_000) tell(now);
    assert.deepEqual(told, [0, 5_000, 10_000]);
  });
});
