import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { aggregatorEnvironment } from '#contract/config.ts';
import { parseAddition } from '#core/addition.ts';
import { lawViolation } from '#core/law.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedPostgres, sharedPostgres, uniqueName } from '#tools/testing/servers.ts';
import { openLedger } from './ledger.ts';
import type { BatchAddition, Ledger, LedgerBatch } from './port.ts';

// The calculator may write copies of an id to several partitions, so their owners write the same id concurrently.
let folder: TemporaryFolder;
let postgres: SharedPostgres;

before(async () => {
  folder = await createTemporaryFolder();
  postgres = await sharedPostgres();
  await writeFile(join(folder.path, 'uri'), postgres.uri());
  await writeFile(join(folder.path, 'ca'), postgres.caPem);
});

after(async () => {
  await folder[Symbol.asyncDispose]();
});

async function freshLedger() {
  const schema = uniqueName('copies');
  const config = parseEnvironment(aggregatorEnvironment, {
    SUMPIPELINE_NAMESPACE: 'shop',
    SUMPIPELINE_NAME: 'orders',
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: 'unused:9092',
    SUMPIPELINE_KAFKA_TOPIC: 'shop.orders',
    SUMPIPELINE_KAFKA_GROUP: 'shop.orders',
    SUMPIPELINE_STORE_URI_FILE: join(folder.path, 'uri'),
    SUMPIPELINE_STORE_CA_FILE: join(folder.path, 'ca'),
    SUMPIPELINE_STORE_SCHEMA: schema,
  });
  const ledger = await openLedger(config, silentLogger);
  await ledger.migrate();
  await ledger.identify({ clusterId: 'cluster-1' });
  return { schema, ledger, [Symbol.asyncDispose]: () => ledger.close() };
}

/** Opens a session in the schema. */
async function connect(schema: string, options = '') {
  const client = new pg.Client({ ...postgres.clientConfig(), options });
  // Ignore the error: the test makes the server end one of the sessions.
  client.on('error', () => {});
  await client.connect();
  await client.query(`SET search_path = ${pg.escapeIdentifier(schema)}`);
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => {}) });
}

const appendedAt = new Date('2026-01-01T00:00:00Z');
const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

function addition(offset: number, id: number, a = '1'): BatchAddition {
  return { ...parseAddition({ requestId: idOf(id), series: 's', a, b: '2' }), offset: BigInt(offset), appendedAt };
}

async function apply(ledger: Ledger, partition: number, additions: BatchAddition[]) {
  const { ownerEpoch, nextOffset } = await ledger.claim(partition, `owner-${partition}`);
  const batch: LedgerBatch = {
    partition,
    ownerEpoch,
    firstOffset: nextOffset,
    nextOffset: nextOffset + BigInt(additions.length),
    additions,
    parked: [],
    anchor: { leaderEpoch: 0, hash: Buffer.alloc(32) },
  };
  return ledger.applyBatch(batch);
}

describe('copies of an id in several partitions', () => {
  test('wait for an owner that stopped inside its transaction no longer than a transaction may last, and count once', async () => {
    await using scope = await freshLedger();
    const { ledger, schema } = scope;
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
    // From now on this session does nothing, like a stopped process.
    let isApplied = false;
    const applying = apply(ledger, 1, [addition(0, 3), addition(1, 2), addition(2, 1)]).then((outcome) => {
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
    // The stopped session continues and reads its own records.
    assert.deepEqual(await apply(ledger, 0, [addition(0, 1), addition(1, 2), addition(2, 3)]), {
      applied: 0,
      duplicate: 3,
      conflict: 0,
      parked: 0,
    });
    assert.deepEqual([(await ledger.readTotal('s'))?.total, (await ledger.recount()).differences], ['9', []]);
  });

  test('count exactly one when they race, whatever the order and the operands, and GetAddition agrees with the totals', async (context) => {
    const sums = { applied: 0, duplicate: 0, conflict: 0 };
    for (let seed = 1; seed <= 20; seed++) {
      await using scope = await freshLedger();
      const { ledger } = scope;
      // Each partition has the same ids in another order. The copies of every third id have different operands.
      const log = [0, 1, 2, 3].map((partition) =>
        Array.from({ length: 12 }, (_, offset) => {
          const id = (offset * ([1, 5, 7, 11][partition] ?? 1) + seed * partition) % 12;
          return addition(offset, id, id % 3 === 0 ? String(1 + partition) : '1');
        }),
      );
      const outcomes = await Promise.all(log.map((additions, partition) => apply(ledger, partition, additions)));
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
