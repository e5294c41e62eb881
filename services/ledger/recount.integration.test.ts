import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  addition,
  appendedAt,
  batchOf,
  claimAndApply,
  type FreshLedger,
  idOf,
  startTestStore,
  type TestStore,
} from '#test/support/testLedger.ts';

let store: TestStore;

before(async () => {
  store = await startTestStore();
});

after(() => store[Symbol.asyncDispose]());

/** Writes `rows` rows to partition 0 directly into the tables, because batches would take longer. */
async function fill({ admin, ledger }: FreshLedger, rows: number): Promise<void> {
  await ledger.claim(0, 'me');
  await admin.query(
    `INSERT INTO ledger (request_id, series, a, b, value, log_epoch, partition, "offset", appended_at)
     SELECT gen_random_uuid(), 's' || i % 3, i, 1, i + 1, 1, 0, i, $2 FROM generate_series(0, $1::bigint - 1) AS i`,
    [rows, appendedAt],
  );
  await admin.query(
    `INSERT INTO totals (series, log_epoch, partition, total, count)
     SELECT series, 1, 0, sum(value), count(*) FROM ledger GROUP BY series`,
  );
  await admin.query('UPDATE partitions SET next_offset = $1, applied = $1', [rows]);
}

async function readRecounts({ admin }: FreshLedger) {
  const { rows } = await admin.query<{ next_offset: string; is_checkpoint: boolean; version: string }>(
    'SELECT next_offset, compared_at IS NOT NULL AS is_checkpoint, xmin::text AS version FROM recounts ORDER BY id',
  );
  return rows;
}

const place = { logEpoch: 1, partition: 0 };

const messagesOf = ({ differences }: { differences: readonly { message: string }[] }) =>
  differences.map(({ message }) => message);

describe('a recount', () => {
  test('names the series whose total was changed behind our back', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    await claimAndApply(ledger, 0, [addition(0, 1), addition(1, 2, '1', '2', 'other')]);
    await admin.query(`UPDATE totals SET total = total + 0.000000000000000001 WHERE series = 'other'`);
    await admin.query(`DELETE FROM ledger WHERE request_id = '${idOf(1)}'`);
    const result = await ledger.recount();
    assert.deepEqual(messagesOf(result), [
      'partition 0 series other: ledger sums to 3 in 1 additions, total is 3.000000000000000001 of 1',
      'partition 0 series s: ledger sums to 0 in 0 additions, total is 3 of 1',
      'partition 0: 1 applied rows, counter says 2',
    ]);
    assert.deepEqual(result.differences[1], {
      ...place,
      summary: 'partition 0 series s: the ledger does not sum to the total',
      message: 'partition 0 series s: ledger sums to 0 in 0 additions, total is 3 of 1',
    });
  });

  test('finds a partition that the books have lost', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    for (const partition of [0, 1]) await claimAndApply(ledger, partition, [addition(0, partition)]);
    await admin.query('DELETE FROM totals WHERE partition = 1; DELETE FROM partitions WHERE partition = 1');
    const result = await ledger.recount();
    assert.equal(result.additions, 2n);
    assert.deepEqual(messagesOf(result), [
      'partition 1 series s: ledger sums to 3 in 1 additions, total is 0 of 0',
      'partition 1: the ledger has 1 additions of it, but its row in table "partitions" is missing',
    ]);
  });

  test('sums only the rows since the last checkpoint, and from the start every row', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    await claimAndApply(ledger, 0, [addition(0, 1), addition(1, 2)]);
    assert.deepEqual(await ledger.recount(), { additions: 2n, differences: [] });
    await claimAndApply(ledger, 0, [addition(2, 3)]);
    // Delete a row below the checkpoint. Only a recount that reads this part of the ledger again can see that.
    await admin.query(`DELETE FROM ledger WHERE request_id = '${idOf(1)}'`);
    assert.deepEqual(await ledger.recount(), { additions: 3n, differences: [] });
    const seen = [
      'partition 0 series s: ledger sums to 6 in 2 additions, total is 9 of 3',
      'partition 0: 2 applied rows, counter says 3',
    ];
    assert.deepEqual(messagesOf(await ledger.recount({ from: 'start' })), seen);
    // The recount deleted the checkpoint. So the next recount, also of another process, finds the difference too.
    assert.deepEqual(await readRecounts(scope), []);
    assert.deepEqual(messagesOf(await ledger.recount()), seen);
  });

  test('finds a difference again, although an unfinished recount still has the deleted row', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    await fill(scope, 150_000);
    await ledger.recount();
    const stopped = ledger.recount({ from: 'start', between: () => Promise.reject(new Error('stopped')) });
    await assert.rejects(stopped, /stopped/);
    await admin.query('DELETE FROM ledger WHERE "offset" = 10');
    assert.equal((await ledger.recount({ from: 'start' })).differences.length, 2);
    assert.equal((await ledger.recount()).differences.length, 2);
  });

  test('that renews a checkpoint continues an interrupted one, and leaves one checkpoint', async () => {
    await using scope = await store.freshLedger();
    const { ledger } = scope;
    await fill(scope, 150_000);
    await ledger.recount();
    const { fromStartAt: before } = await ledger.recountPlace(place);
    for (let tries = 0; tries < 2; tries++) {
      const stopped = ledger.recount({ from: 'start', between: () => Promise.reject(new Error('stopped')) });
      await assert.rejects(stopped, /stopped/);
    }
    const renewed = await ledger.recountPlace(place, {
      from: 'renewal',
      between: () => assert.fail('the first chunk was read again'),
    });
    assert.deepEqual([renewed.additions, renewed.differences], [150_000n, []]);
    assert.ok(renewed.fromStartAt > before);
    const isCheckpoint = (await readRecounts(scope)).map(({ is_checkpoint }) => is_checkpoint);
    assert.deepEqual(isCheckpoint, [false, true]);
    await scope.admin.query(`UPDATE recounts SET moved_at = now() - interval '2 days'`);
    await ledger.recount();
    assert.equal((await readRecounts(scope)).length, 1, 'an abandoned recount is deleted after a day');
  });

  test('finds what changed above the checkpoint, in the rows and in the totals', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    await claimAndApply(ledger, 0, [addition(0, 1)]);
    await ledger.recount();
    await claimAndApply(ledger, 0, [addition(1, 2)]);
    await admin.query(`DELETE FROM ledger WHERE request_id = '${idOf(2)}'`);
    assert.deepEqual(messagesOf(await ledger.recountPlace(place)), [
      'partition 0 series s: ledger sums to 3 in 1 additions, total is 6 of 2',
      'partition 0: 1 applied rows, counter says 2',
    ]);
    await admin.query(`UPDATE totals SET total = 3, count = 1; UPDATE partitions SET applied = 1, duplicate = 1`);
    const { differences, fromStartAt } = await ledger.recountPlace(place);
    assert.deepEqual(differences, []);
    assert.ok(Math.abs(fromStartAt.getTime() - Date.now()) < 60_000, String(fromStartAt));
  });

  test('is not deceived by a damaged checkpoint for longer than one recount', async () => {
    await using scope = await store.freshLedger();
    const { ledger, admin } = scope;
    await claimAndApply(ledger, 0, [addition(0, 1)]);
    await ledger.recount();
    await admin.query('UPDATE recount_totals SET total = total + 1');
    assert.deepEqual(messagesOf(await ledger.recount()), [
      'partition 0 series s: ledger sums to 4 in 1 additions, total is 3 of 1',
    ]);
    assert.deepEqual(await ledger.recount(), { additions: 1n, differences: [] });
  });

  test('reads a large partition in chunks, and continues where an earlier one was stopped', async () => {
    await using scope = await store.freshLedger();
    const { ledger } = scope;
    await fill(scope, 250_000);
    const stop = new Error('stopped');
    const stopped = ledger.recount({
      between: () => {
        throw stop;
      },
    });
    await assert.rejects(stopped, stop);
    const [unfinished] = await readRecounts(scope);
    assert.deepEqual([unfinished?.next_offset, unfinished?.is_checkpoint], ['100000', false]);
    let chunks = 0;
    const result = await ledger.recount({
      between: () => {
        chunks++;
      },
    });
    assert.deepEqual([result, chunks], [{ additions: 250_000n, differences: [] }, 1]);
    const [checkpoint] = await readRecounts(scope);
    assert.deepEqual([checkpoint?.next_offset, checkpoint?.is_checkpoint], ['250000', true]);
  });

  test('writes nothing while nothing is counted, and keeps one checkpoint', async () => {
    await using scope = await store.freshLedger();
    const { ledger } = scope;
    await claimAndApply(ledger, 0, [addition(0, 1)]);
    await ledger.recount();
    const before = await readRecounts(scope);
    await ledger.recount();
    assert.deepEqual(await readRecounts(scope), before);
    await ledger.recount({ from: 'start' });
    const after = await readRecounts(scope);
    assert.equal(after.length, 1);
    assert.notDeepEqual(after, before);
  });

  test('agrees with the totals while batches are committed and other recounts run', async () => {
    await using scope = await store.freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    let isCounting = true;
    const counting = (async () => {
      for (let offset = 0; offset < 600; offset += 3) {
        const batch = [0, 1, 2].map((i) =>
          addition(offset + i, offset + i, String(offset), '1', `s${(offset + i) % 7}`),
        );
        await ledger.applyBatch(batchOf(ownerEpoch, batch));
      }
      isCounting = false;
    })();
    let recounts = 0;
    const recounting = (['checkpoint', 'checkpoint', 'renewal', 'start'] as const).map(async (from) => {
      while (isCounting) {
        assert.deepEqual((await ledger.recount({ from })).differences, []);
        recounts++;
        // A recount that reads every row deletes the checkpoint that the others continue.
        if (from !== 'checkpoint') await setTimeout(50);
      }
    });
    await Promise.all([counting, ...recounting]);
    assert.ok(recounts > 10, `only ${recounts} recounts ran beside the batches`);
    assert.deepEqual(await ledger.recount(), { additions: 600n, differences: [] });
  });
});
