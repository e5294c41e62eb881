import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { lawViolation } from '#core/law.ts';
import { until } from '#test/support/condition.ts';
import { addition, appendedAt, claimAndApply, idOf, startTestStore, type TestStore } from '#test/support/testLedger.ts';

// The calculator may write copies of an id to several partitions, so their owners write the same id concurrently.
let store: TestStore;

before(async () => {
  store = await startTestStore();
});

after(() => store[Symbol.asyncDispose]());

/** Opens a session in the schema. */
async function connect(schema: string, options = '') {
  const client = new pg.Client({ ...store.postgres.clientConfig(), options });
  // The test makes the server end one of the sessions.
  client.on('error', () => {});
  await client.connect();
  await client.query(`SET search_path = ${pg.escapeIdentifier(schema)}`);
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => {}) });
}

describe('copies of an id in several partitions', () => {
  test('wait for an owner that hangs in its transaction at most until the transaction timeout, and count once', async () => {
    await using scope = await store.freshLedger();
    const { ledger } = scope;
    const schema = scope.config.SUMPIPELINE_STORE_SCHEMA;
    await ledger.claim(0, 'stopped');
    // This session has the timeout of an aggregator's pool, only shorter.
    await using stopped = await connect(schema, '-c transaction_timeout=1500');
    await using watching = await connect(schema);
    await stopped.query('BEGIN');
    await stopped.query(
      `INSERT INTO ledger (request_id, series, a, b, value, log_epoch, partition, "offset", appended_at)
       SELECT id, 's', 1, 2, 3, 1, 0, ordinality - 1, $2 FROM unnest($1::uuid[]) WITH ORDINALITY AS u(id, ordinality)`,
      [[idOf(1), idOf(2), idOf(3)], appendedAt],
    );
    // The session `stopped` sends nothing more, as if its process were stopped with SIGSTOP.
    let isApplied = false;
    const applying = claimAndApply(ledger, 1, [addition(0, 3), addition(1, 2), addition(2, 1)]).then((outcome) => {
      isApplied = true;
      return outcome;
    });
    await until('the copies to wait', async () => {
      const { rows } = await watching.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'sumpipeline%'`,
      );
      return rows.length > 0;
    });
    await until('the wait to end by itself', () => isApplied, { timeoutMs: 20_000 });
    assert.deepEqual(await applying, { applied: 3, duplicate: 0, conflict: 0, parked: 0 });
    // Partition 0 is claimed again, and its records are applied. Their ids are counted already.
    assert.deepEqual(await claimAndApply(ledger, 0, [addition(0, 1), addition(1, 2), addition(2, 3)]), {
      applied: 0,
      duplicate: 3,
      conflict: 0,
      parked: 0,
    });
    assert.deepEqual([(await ledger.readTotal('s'))?.total, (await ledger.recount()).differences], ['9', []]);
  });

  test('that are written concurrently count once, in any order and with any operands, and GetAddition agrees with the totals', async (context) => {
    const sums = { applied: 0, duplicate: 0, conflict: 0 };
    for (let seed = 1; seed <= 20; seed++) {
      await using scope = await store.freshLedger();
      const { ledger } = scope;
      // Each partition has the same ids in another order. The copies of every third id have different operands.
      const log = [0, 1, 2, 3].map((partition) =>
        Array.from({ length: 12 }, (_, offset) => {
          const id = (offset * ([1, 5, 7, 11][partition] ?? 1) + seed * partition) % 12;
          return addition(offset, id, id % 3 === 0 ? String(1 + partition) : '1');
        }),
      );
      const outcomes = await Promise.all(
        log.map((additions, partition) => claimAndApply(ledger, partition, additions)),
      );
      for (const { applied, duplicate, conflict } of outcomes) {
        sums.applied += applied;
        sums.duplicate += duplicate;
        sums.conflict += conflict;
      }
      let expected = 0;
      for (let id = 0; id < 12; id++) {
        const found = await ledger.readAddition(idOf(id));
        assert.ok(found, `seed ${seed}, id ${id}`);
        const { a, result, position } = found.addition;
        expected += Number(result);
        const there = log[position.partition]?.[Number(position.offset)];
        assert.deepEqual([there?.requestId, there?.a], [idOf(id), a], 'the record at the position is the counted one');
        assert.equal(found.conflicts.length, id % 3 === 0 ? 3 : 0);
      }
      assert.equal((await ledger.readTotal('s'))?.total, String(expected), `seed ${seed}`);
      for (const books of await ledger.readBooks()) assert.equal(lawViolation(books), undefined);
      assert.deepEqual((await ledger.recount()).differences, []);
    }
    context.diagnostic(JSON.stringify(sums));
    assert.deepEqual(sums, { applied: 20 * 12, duplicate: 20 * 8 * 3, conflict: 20 * 4 * 3 });
  });
});
