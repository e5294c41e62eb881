import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { lawViolation } from '#core/law.ts';
import { silentLogger } from '#platform/log.ts';
import { addressOf, startTcpProxy, type TcpProxy } from '#test/support/tcpProxy.ts';
import { addition, appendedAt, batchOf, idOf, startTestStore, type TestStore } from '#test/support/testLedger.ts';
import type { SharedPostgres } from '#tools/testing/servers.ts';
import { createPool as createLedgerPool } from './connect.ts';
import { openLedger, PostgresLedger } from './ledger.ts';
import {
  type BatchAddition,
  BatchDataError,
  BooksError,
  FencedError,
  type LedgerBatch,
  StoreIdentityError,
  StoreUnavailableError,
} from './port.ts';

let store: TestStore;
let folder: string;
let postgres: SharedPostgres;

before(async () => {
  store = await startTestStore();
  ({ folder, postgres } = store);
});

after(() => store[Symbol.asyncDispose]());

const configFor = (overrides?: Record<string, string>) => store.configFor(overrides);
const freshLedger = (overrides?: Record<string, string>) => store.freshLedger(overrides);

/** Creates a pool that ignores error events, as the program's own pool does: they must not end the process. */
function createPool(changes: pg.PoolConfig): pg.Pool & AsyncDisposable {
  const pool = new pg.Pool({ ...postgres.clientConfig(), ...changes });
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', () => {});
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

/** Runs apply_batch_v1 on this client. If the client has an open transaction, it stays open, as of a slow owner. */
async function applyRaw(client: pg.Client, batch: LedgerBatch) {
  const list = (pick: (addition: BatchAddition) => unknown) => batch.additions.map(pick);
  return client.query('SELECT * FROM apply_batch_v1(1,$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$13,$14,$14,$15)', [
    batch.partition,
    batch.ownerEpoch,
    batch.firstOffset,
    batch.nextOffset,
    list(({ offset }) => offset),
    list(({ requestId }) => requestId),
    list(({ series }) => series),
    list(({ a }) => a),
    list(({ b }) => b),
    list(({ result }) => result),
    list(() => appendedAt),
    [],
    [],
    [],
    [],
  ]);
}

async function waitForLockedSession(client: pg.Client): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'sumpipeline%'`,
    );
    if ((rows[0]?.n ?? 0) > 0) return;
    if (Date.now() > deadline) throw new Error('no session waited for a lock within 10 s');
  }
}

test('a recount may take longer than a batch is allowed to', async () => {
  await using scope = await freshLedger();
  const { ledger, admin, config } = scope;
  const { ownerEpoch } = await ledger.claim(0, 'me');
  await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)]));
  await using pool = createPool({
    options: '-c transaction_timeout=300 -c default_transaction_isolation=read\\ committed',
    application_name: 'sumpipeline impatient',
  });
  const impatient = new PostgresLedger(config, pool, 300);
  // Look for the waiting session on another connection: within a transaction, pg_stat_activity does not change.
  await using other = await freshLedger();
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE');
  const counting = impatient.recount();
  try {
    await waitForLockedSession(other.admin);
    await admin.query('SELECT pg_sleep(0.6)');
  } finally {
    await admin.query('COMMIT');
  }
  assert.deepEqual(await counting, { additions: 1n, differences: [] });
});

test('a recount does not delay closing', async () => {
  await using scope = await freshLedger();
  const { admin, config } = scope;
  const ledger = await openLedger(config, silentLogger);
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE');
  const counting = assert.rejects(ledger.recount(), StoreUnavailableError);
  await using other = await freshLedger();
  await waitForLockedSession(other.admin);
  await ledger.close();
  await counting;
  await admin.query('COMMIT');
});

test('a recount that has just begun does not delay closing either', async () => {
  await using scope = await freshLedger();
  const { admin, config } = scope;
  const ledger = await openLedger(config, silentLogger);
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE');
  const counting = assert.rejects(ledger.recount(), StoreUnavailableError);
  await ledger.close();
  await counting;
  await admin.query('COMMIT');
});

describe('a network that', () => {
  async function proxyPostgres(): Promise<TcpProxy> {
    return startTcpProxy(addressOf(postgres.uri()));
  }

  test('breaks in the middle of a transaction is an error, not the end of the process', async () => {
    await using scope = await freshLedger();
    await using proxy = await proxyPostgres();
    const uri = new URL(postgres.uri());
    uri.host = `127.0.0.1:${proxy.port}`;
    await writeFile(join(folder, 'proxied-uri'), uri.toString());
    const ledger = await openLedger(
      { ...scope.config, SUMPIPELINE_STORE_URI_FILE: join(folder, 'proxied-uri') },
      silentLogger,
    );
    await scope.admin.query('BEGIN');
    await scope.admin.query('LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE');
    const identifying = assert.rejects(ledger.identify({ clusterId: 'cluster-1' }), StoreUnavailableError);
    await using other = await freshLedger();
    await waitForLockedSession(other.admin);
    proxy.cut();
    await identifying;
    await scope.admin.query('COMMIT');
    await ledger.identify({ clusterId: 'cluster-1' });
    await ledger.close();
  });

  test('hangs ends a migration with a timeout', async () => {
    await using scope = await freshLedger();
    await using proxy = await proxyPostgres();
    await using pool = createPool({ host: '127.0.0.1', port: proxy.port });
    const impatient = new PostgresLedger(scope.config, pool, 300);
    await impatient.readBooks();
    proxy.setSilent(true);
    await assert.rejects(impatient.migrate(), /does not respond$/);
  });
});

test('a query without a response ends at its timeout, and the next query works', async () => {
  await using scope = await freshLedger();
  const { admin, config } = scope;
  await using pool = createPool({});
  const impatient = new PostgresLedger(config, pool, 300);
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE totals IN ACCESS EXCLUSIVE MODE');
  await assert.rejects(impatient.readTotal('s'), (error) => {
    assert.ok(error instanceof StoreUnavailableError);
    assert.equal(error.reason, 'Unreachable');
    assert.match(error.message, /does not respond$/);
    return true;
  });
  // The connection that timed out is not used again.
  assert.deepEqual(await impatient.readBooks(), []);
  await admin.query('COMMIT');
  assert.equal(await impatient.readTotal('s'), undefined);
});

describe('a halt', () => {
  test('is stored until the next batch of the partition is committed, whatever its message quotes', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.halt({ partition: 0, ownerEpoch, reason: 'LogGap', message: 'a\u0000b\ud800', stays: false });
    assert.deepEqual((await ledger.readBooks())[0]?.halt, { reason: 'LogGap', message: 'a?b\ufffd' });
    const claim = await ledger.claim(0, 'me');
    assert.equal(claim.halt, undefined, 'a halt that does not stay allows a claim');
    assert.notEqual((await ledger.readBooks())[0]?.halt, undefined, 'a claim does not clear the halt');
    await ledger.applyBatch(batchOf(claim.ownerEpoch, [addition(0, 1)]));
    assert.equal((await ledger.readBooks())[0]?.halt, undefined);
  });

  test('that stays is returned at every claim, blocks every owner, and ends when an administrator clears it', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.halt({ partition: 0, ownerEpoch, reason: 'LogTruncated', message: 'cut', stays: true });
    await ledger.halt({ partition: 0, ownerEpoch, reason: 'LogGap', message: 'later', stays: false });
    const claim = await ledger.claim(0, 'me');
    assert.deepEqual(claim.halt, { reason: 'LogTruncated', message: 'cut' });
    await assert.rejects(ledger.applyBatch(batchOf(claim.ownerEpoch, [addition(0, 1)])), BooksError);
    assert.equal((await ledger.readBooks())[0]?.applied, 0n);
    await admin.query('UPDATE partitions SET halt_reason = NULL, halt_message = NULL, halt_stays = false');
    assert.equal((await ledger.applyBatch(batchOf(claim.ownerEpoch, [addition(0, 1)]))).applied, 1);
  });

  test('of an owner that was fenced is not stored', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.claim(0, 'another');
    const halt = { partition: 0, ownerEpoch, reason: 'LogGap', message: 'seen', stays: true };
    await assert.rejects(ledger.halt(halt), FencedError);
    assert.equal((await ledger.readBooks())[0]?.halt, undefined);
  });
});

describe('a batch', () => {
  test('gives every record one disposition: the first of an id counts, copies are duplicates, other operands conflict', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    const batch = batchOf(ownerEpoch, [
      addition(0, 1),
      addition(1, 1),
      addition(2, 1, '5'),
      addition(3, 2, '0.5', '0.25'),
    ]);
    assert.deepEqual(await ledger.applyBatch(batch), { applied: 2, duplicate: 1, conflict: 1, parked: 0 });
    const total = await ledger.readTotal('s');
    assert.equal(total?.total, '3.75');
    assert.equal(total?.count, 2n);
    assert.deepEqual(total?.vector, [{ logEpoch: 1, partition: 0, offset: 3n }]);
    const counted = await ledger.readAddition(idOf(1));
    assert.equal(counted?.addition.result, '3');
    assert.deepEqual(
      counted?.conflicts.map(({ a, position }) => [a, position.offset]),
      [['5', 2n]],
    );
    const books = await ledger.readBooks();
    assert.equal(books.map(lawViolation).find(Boolean), undefined);
    assert.deepEqual((await ledger.recount()).differences, []);
  });

  test('keeps the bytes of a parked record and counts it in the law', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    const parked = {
      offset: 1n,
      appendedAt,
      key: null,
      value: Uint8Array.of(0, 255),
      schema: undefined,
      reason: 'not an addition',
    };
    const outcome = await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)], { parked: [parked] }));
    assert.deepEqual(outcome, { applied: 1, duplicate: 0, conflict: 0, parked: 1 });
    const { rows } = await admin.query('SELECT value, reason FROM parked');
    assert.deepEqual(rows, [{ value: Buffer.from([0, 255]), reason: 'not an addition' }]);
  });

  test('sums 38 digits exactly and returns canonical text', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    const large = '98765432109876543210.987654321098765432';
    const additions = Array.from({ length: 100 }, (_, index) => addition(index, index, large, '-0.000000000000000001'));
    await ledger.applyBatch(batchOf(ownerEpoch, additions));
    assert.equal((await ledger.readTotal('s'))?.total, '9876543210987654321098.7654321098765431');
  });

  for (const [what, change] of [
    ['NaN', { a: 'NaN' }],
    ['infinity', { result: 'Infinity' }],
    ['a NUL in the series', { series: 'a\u0000b' }],
    ['a control character in the series', { series: 'a\u0085b' }],
    ['an empty series', { series: '' }],
    ['201 bytes of series', { series: 'x'.repeat(201) }],
    ['39 digits', { a: `1${'0'.repeat(38)}` }],
    ['19 digits after the point', { a: '0.0000000000000000001' }],
    ['an id that is no UUID', { requestId: 'nope' }],
  ] as const) {
    test(`with ${what} is refused completely, as a data error`, async () => {
      await using scope = await freshLedger();
      const { ledger } = scope;
      const { ownerEpoch } = await ledger.claim(0, 'me');
      const bad = { ...addition(1, 2), ...change };
      await assert.rejects(ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1), bad])), BatchDataError);
      assert.equal(await ledger.readTotal('s'), undefined);
      assert.equal((await ledger.readBooks())[0]?.nextOffset, 0n);
    });
  }

  test('whose result is not a + b is refused as broken books', async () => {
    await using scope = await freshLedger();
    const { ownerEpoch } = await scope.ledger.claim(0, 'me');
    const bad = { ...addition(0, 1), result: '4' };
    await assert.rejects(scope.ledger.applyBatch(batchOf(ownerEpoch, [bad])), BooksError);
  });

  for (const [what, make] of [
    ['begins behind next_offset', (epoch: bigint) => batchOf(epoch, [addition(500, 1)])],
    [
      'begins before next_offset',
      (epoch: bigint) => batchOf(epoch, [addition(0, 1)], { firstOffset: -1n, nextOffset: 1n }),
    ],
  ] as const) {
    test(`that ${what} is fenced off`, async () => {
      await using scope = await freshLedger();
      const { ownerEpoch } = await scope.ledger.claim(0, 'me');
      await assert.rejects(scope.ledger.applyBatch(make(ownerEpoch)), FencedError);
    });
  }

  for (const [what, additions, nextOffset] of [
    ['leaves a gap', [addition(0, 1), addition(2, 2)], 3n],
    ['skips ahead with the right count', [addition(0, 1), addition(5, 2)], 2n],
    ['holds an offset twice', [addition(0, 1), addition(0, 2)], 2n],
    ['is empty', [], 0n],
    ['ends before its last record', [addition(0, 1), addition(1, 2)], 1n],
  ] as const) {
    test(`that ${what} is refused as broken books`, async () => {
      await using scope = await freshLedger();
      const { ownerEpoch } = await scope.ledger.claim(0, 'me');
      const batch = batchOf(ownerEpoch, [...additions], { firstOffset: 0n, nextOffset });
      await assert.rejects(scope.ledger.applyBatch(batch), BooksError);
      assert.equal((await scope.ledger.readBooks())[0]?.nextOffset, 0n);
    });
  }
});

describe('the anchor', () => {
  const anchor = { leaderEpoch: 7, hash: Buffer.alloc(32, 1) };

  test('is the last record of the last batch, and is returned at every claim', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch, anchor: none } = await ledger.claim(0, 'me');
    assert.equal(none, undefined);
    await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)], { anchor: { ...anchor, leaderEpoch: undefined } }));
    assert.deepEqual((await ledger.claim(0, 'me')).anchor, { leaderEpoch: undefined, hash: anchor.hash });
    const claim = await ledger.claim(0, 'me');
    await ledger.applyBatch(batchOf(claim.ownerEpoch, [addition(1, 2), addition(2, 3)], { anchor }));
    assert.deepEqual((await ledger.claim(0, 'me')).anchor, anchor);
  });

  test('of an owner that is overtaken while it claims is not returned: the claim fails', async () => {
    await using scope = await freshLedger();
    const { ledger, config } = scope;
    const first = await ledger.claim(0, 'other');
    await ledger.applyBatch(batchOf(first.ownerEpoch, [addition(0, 1)], { anchor }));
    await using pool = createPool({});
    const slow = new PostgresLedger(config, pool);
    await slow.identify({ clusterId: 'cluster-1' });
    const query = pool.query.bind(pool);
    let isOvertaken = false;
    Object.assign(pool, {
      async query(asked: pg.QueryConfig) {
        if (asked.text.includes('anchor_hash') && !isOvertaken) {
          isOvertaken = true;
          const { ownerEpoch } = await ledger.claim(0, 'other');
          await ledger.applyBatch(batchOf(ownerEpoch, [addition(1, 2)], { anchor }));
        }
        return query(asked);
      },
    });
    await assert.rejects(slow.claim(0, 'me'), FencedError);
    assert.equal((await slow.claim(0, 'me')).nextOffset, 2n);
  });

  test('is not valid after a version without anchors has counted more records', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)], { anchor }));
    await applyRaw(admin, batchOf(ownerEpoch, [addition(1, 2)]));
    const claim = await ledger.claim(0, 'me');
    assert.deepEqual([claim.nextOffset, claim.anchor], [2n, undefined]);
    await ledger.applyBatch(batchOf(claim.ownerEpoch, [addition(2, 3)], { anchor }));
    assert.deepEqual((await ledger.claim(0, 'me')).anchor, anchor);
  });
});

describe('two owners', () => {
  test('never both succeed: a claim fences the earlier owner off', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const old = await ledger.claim(0, 'old');
    const now = await ledger.claim(0, 'new');
    assert.equal(now.ownerEpoch, old.ownerEpoch + 1n);
    await assert.rejects(ledger.applyBatch(batchOf(old.ownerEpoch, [addition(0, 1)])), FencedError);
    await ledger.applyBatch(batchOf(now.ownerEpoch, [addition(0, 1)]));
    assert.equal((await ledger.readTotal('s'))?.count, 1n);
  });

  test('a claim waits for a batch in flight and continues after it', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'old');
    await admin.query('BEGIN');
    await applyRaw(admin, batchOf(ownerEpoch, [addition(0, 1)]));
    const claim = ledger.claim(0, 'new');
    const probe = new pg.Client(postgres.clientConfig());
    await probe.connect();
    await waitForLockedSession(probe);
    await probe.end();
    await admin.query('COMMIT');
    assert.equal((await claim).nextOffset, 1n);
  });

  test('copies of one id on two partitions at once: one counts, the other waits and is a duplicate or a conflict', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const first = await ledger.claim(0, 'one');
    const second = await ledger.claim(1, 'two');
    await admin.query('BEGIN');
    await applyRaw(admin, batchOf(first.ownerEpoch, [addition(0, 9)]));
    const waiting = ledger.applyBatch(
      batchOf(second.ownerEpoch, [addition(0, 9), addition(1, 9, '7'), addition(2, 8)], { partition: 1 }),
    );
    const probe = new pg.Client(postgres.clientConfig());
    await probe.connect();
    await waitForLockedSession(probe);
    await probe.end();
    await admin.query('COMMIT');
    assert.deepEqual(await waiting, { applied: 1, duplicate: 1, conflict: 1, parked: 0 });
  });

  test('needs READ COMMITTED: a snapshot of the whole transaction is refused', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await admin.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await assert.rejects(applyRaw(admin, batchOf(ownerEpoch, [addition(0, 1)])), /IsolationLevel/);
    await admin.query('ROLLBACK');
  });

  test('three racing owners with claims, rollbacks and zombies end with the total of the model, whatever the order', async (t) => {
    let fenced = 0;
    for (let seed = 1; seed <= 30; seed++) {
      await using scope = await freshLedger();
      const { ledger } = scope;
      let state = seed * 7919;
      const random = (below: number) => {
        state = (state * 1103515245 + 12345) & 0x7fffffff;
        return state % below;
      };
      const log = [0, 1].map((partition) =>
        Array.from({ length: 12 }, (_, offset) => {
          const id = (offset * 7 + seed * (partition + 1)) % 9;
          return addition(offset, id, String(1 + id), '0.5');
        }),
      );
      const owner = async (name: string) => {
        const owned = new Map<number, { ownerEpoch: bigint; nextOffset: bigint }>();
        for (let step = 0; step < 14; step++) {
          const partition = random(2);
          try {
            let mine = owned.get(partition);
            if (mine === undefined || random(4) === 0) {
              mine = await ledger.claim(partition, name);
              owned.set(partition, mine);
            }
            const from = Number(mine.nextOffset);
            const records = log[partition]?.slice(from, from + 1 + random(4)) ?? [];
            if (records.length === 0) continue;
            await ledger.applyBatch(batchOf(mine.ownerEpoch, records, { partition }));
            owned.set(partition, { ...mine, nextOffset: mine.nextOffset + BigInt(records.length) });
          } catch (error) {
            if (!(error instanceof FencedError)) throw error;
            fenced++;
            owned.delete(partition);
          }
        }
      };
      await Promise.all(['one', 'two', 'three'].map(owner));
      const ids = new Set<string>();
      let expected = 0;
      for (const books of await ledger.readBooks()) {
        assert.equal(lawViolation(books), undefined);
        for (const record of log[books.partition]?.slice(0, Number(books.nextOffset)) ?? []) {
          if (!ids.has(record.requestId)) expected += Number(record.result);
          ids.add(record.requestId);
        }
      }
      assert.equal((await ledger.readTotal('s'))?.total, String(expected), `seed ${seed}`);
      assert.deepEqual((await ledger.recount()).differences, [], `seed ${seed}`);
    }
    t.diagnostic(`${fenced} batches and claims were fenced off`);
    assert.ok(fenced > 0, 'no batch or claim was fenced, so the test proves nothing');
  });
});

describe('the tables', () => {
  test('refuse any update that breaks the conservation law', async () => {
    await using scope = await freshLedger();
    await scope.ledger.claim(0, 'me');
    await assert.rejects(scope.admin.query('UPDATE partitions SET next_offset = 1'), /conservation_law/);
  });

  test('refuse to count one offset twice', async () => {
    await using scope = await freshLedger();
    const { ledger, admin } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)]));
    await admin.query('UPDATE partitions SET next_offset = 0, applied = 0');
    await assert.rejects(ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 2)])), BooksError);
  });

  test('have the time of the newest applied addition, which a copy does not change', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    await ledger.applyBatch(batchOf(ownerEpoch, [addition(0, 1)]));
    const copy = { ...addition(1, 1), appendedAt: new Date(appendedAt.getTime() + 1000) };
    assert.equal((await ledger.applyBatch(batchOf(ownerEpoch, [copy]))).duplicate, 1);
    assert.deepEqual((await ledger.readTotal('s'))?.newestApplied, appendedAt);
  });

  test('list totals page by page in byte order', async () => {
    await using scope = await freshLedger();
    const { ledger } = scope;
    const { ownerEpoch } = await ledger.claim(0, 'me');
    const names = ['b', 'a', 'Z', 'ä', 'a b'];
    await ledger.applyBatch(
      batchOf(
        ownerEpoch,
        names.map((name, index) => addition(index, index, '1', '1', name)),
      ),
    );
    const first = await ledger.listTotals({ after: '', limit: 3 });
    const rest = await ledger.listTotals({ after: first.at(-1)?.series ?? '', limit: 3 });
    assert.deepEqual(
      [...first, ...rest].map(({ series }) => series),
      ['Z', 'a', 'a b', 'b', 'ä'],
    );
  });
});

describe('identity', () => {
  test('of two pipelines that start with the same empty schema, one gets it and the other is refused', async () => {
    for (let round = 0; round < 10; round++) {
      const first = configFor();
      const configs = [first, { ...first, SUMPIPELINE_NAME: 'other', SUMPIPELINE_KAFKA_TOPIC: 'shop.other' }];
      const ledgers = await Promise.all(configs.map((config) => openLedger(config, silentLogger)));
      try {
        for (const ledger of ledgers) await ledger.migrate();
        const ends = await Promise.allSettled(ledgers.map((ledger) => ledger.identify({ clusterId: 'cluster-1' })));
        const refusals = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
        assert.deepEqual(
          refusals.map((error) => error.reason),
          ['StoreInUse'],
        );
        const winner = ledgers[ends.findIndex(({ status }) => status === 'fulfilled')];
        await winner?.identify({ clusterId: 'cluster-1' });
      } finally {
        await Promise.all(ledgers.map((ledger) => ledger.close()));
      }
    }
  });

  test('a second pipeline on the same schema gets the name of the owner', async () => {
    await using scope = await freshLedger();
    const config = { ...scope.config, SUMPIPELINE_NAME: 'refunds' };
    const other = await openLedger(config, silentLogger);
    try {
      await other.migrate();
      const refused = (error: Error) => {
        assert.ok(error instanceof StoreIdentityError);
        assert.equal(error.reason, 'StoreInUse');
        assert.match(error.message, /books of pipeline shop\/orders: delete this SumPipeline and create it again/);
        return true;
      };
      await assert.rejects(other.requireOwner(), refused);
      await assert.rejects(other.identify({ clusterId: 'cluster-1' }), refused);
    } finally {
      await other.close();
    }
  });

  for (const [what, change, clusterId, reason] of [
    ['another Kafka cluster', {}, 'cluster-2', 'LogChanged'],
    ['another topic', { SUMPIPELINE_KAFKA_TOPIC: 'other' }, 'cluster-1', 'LogChanged'],
    ['another log epoch', { SUMPIPELINE_LOG_EPOCH: 2 }, 'cluster-1', 'LogChanged'],
    ['another consumer group', { SUMPIPELINE_KAFKA_GROUP: 'other' }, 'cluster-1', 'GroupChanged'],
  ] as const) {
    test(`${what} is refused at start and at every claim`, async () => {
      await using scope = await freshLedger();
      const other = await openLedger({ ...scope.config, ...change }, silentLogger);
      const refused = (error: unknown) => error instanceof StoreIdentityError && error.reason === reason;
      try {
        await assert.rejects(other.identify({ clusterId }), refused);
        await assert.rejects(other.claim(0, 'me'), refused);
      } finally {
        await other.close();
      }
    });
  }

  test('five programs that start at the same time create one schema', async () => {
    const config = configFor();
    const ledgers: PostgresLedger[] = [];
    for (let index = 0; index < 5; index++) ledgers.push(await openLedger(config, silentLogger));
    try {
      await Promise.all(
        ledgers.map(async (ledger) => {
          await ledger.migrate();
          await ledger.identify({ clusterId: 'cluster-1' });
        }),
      );
      // Each claim gets another owner epoch. A claim fails if another claim comes before it has read the row.
      const claims = await Promise.allSettled(ledgers.map((ledger) => ledger.claim(0, 'me')));
      const epochs = claims.flatMap((claim) => (claim.status === 'fulfilled' ? [claim.value.ownerEpoch] : []));
      for (const claim of claims) if (claim.status === 'rejected') assert.ok(claim.reason instanceof FencedError);
      assert.equal(new Set(epochs).size, epochs.length);
      assert.ok(epochs.includes(5n), `the last claim has epoch 5: ${epochs}`);
    } finally {
      await Promise.all(ledgers.map((ledger) => ledger.close()));
    }
  });

  test('a schema without a topic id stores the first one that it gets, and refuses every other', async () => {
    await using scope = await freshLedger();
    const clusterId = 'cluster-1';
    await scope.ledger.identify({ clusterId, topicId: 'first' });
    await scope.ledger.identify({ clusterId, topicId: 'first' });
    await assert.rejects(scope.ledger.identify({ clusterId, topicId: 'second' }), (error: unknown) => {
      assert.ok(error instanceof StoreIdentityError);
      assert.equal(error.reason, 'LogChanged');
      assert.match(error.message, /with id first; the topic of that name now has id second/);
      return true;
    });
  });

  test('a schema that a newer program wrote is refused', async () => {
    await using scope = await freshLedger();
    await scope.admin.query(`INSERT INTO migrations (version, name) VALUES (9000, 'future')`);
    await assert.rejects(scope.ledger.migrate(), /version 9000.*Upgrade this program/);
  });
});

describe('connecting', () => {
  test('with a password that is not percent-encoded says so, without the password', async () => {
    await writeFile(join(folder, 'raw-uri'), 'postgres://user:hunter%2@localhost:5432/db');
    const error = await failureOf({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'raw-uri') }).catch((thrown) => thrown);
    assert.ok(error instanceof StoreUnavailableError);
    assert.equal(error.reason, 'InvalidUri');
    assert.match(
      error.message,
      /Secret db, key uri has a password that is not percent-encoded: write a % in it as %25/,
    );
    assert.doesNotMatch(error.message, /hunter/);
  });

  async function failureOf(overrides: Record<string, string>): Promise<Error> {
    const config = configFor({ SUMPIPELINE_STORE_URI_SOURCE: 'Secret db, key uri', ...overrides });
    const ledger = await openLedger(config, silentLogger);
    try {
      await ledger.migrate();
    } catch (error) {
      return error as Error;
    } finally {
      await ledger.close();
    }
    throw new Error('it connected');
  }

  test('with a wrong password names the Secret', async () => {
    const uri = new URL(postgres.uri());
    uri.password = 'wrong';
    await writeFile(join(folder, 'wrong-uri'), uri.toString());
    const error = await failureOf({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'wrong-uri') });
    assert.ok(error instanceof StoreUnavailableError);
    assert.equal(error.reason, 'AuthenticationFailed');
    assert.match(error.message, /refused the user or password in Secret db, key uri/);
    assert.doesNotMatch(error.message, /wrong/);
  });

  test('to a database that cannot hold every series says which encoding it needs', async () => {
    const admin = new pg.Client(postgres.clientConfig());
    await admin.connect();
    try {
      await admin.query(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0`);
    } finally {
      await admin.end();
    }
    await writeFile(join(folder, 'latin-uri'), postgres.uri('latin'));
    const error = await failureOf({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'latin-uri') });
    assert.ok(error instanceof StoreUnavailableError);
    assert.equal(error.reason, 'DatabaseEncoding');
    assert.match(error.message, /has encoding LATIN1.*ENCODING 'UTF8'/);
  });

  test('to a database that is absent says which Secret names it', async () => {
    await writeFile(join(folder, 'absent-uri'), postgres.uri('absent'));
    const error = await failureOf({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'absent-uri') });
    assert.match(
      error.message,
      /database "absent" does not exist: create it, or correct the URI in Secret db, key uri/,
    );
  });

  test('with another CA says which CA did not sign the certificate', async () => {
    const { createCa } = await import('#lab/certificates/pki.ts');
    await writeFile(join(folder, 'other-ca'), (await createCa('other')).certPem);
    const error = await failureOf({
      SUMPIPELINE_STORE_CA_FILE: join(folder, 'other-ca'),
      SUMPIPELINE_STORE_CA_SOURCE: 'Secret db-ca, key ca.crt',
    });
    assert.match(error.message, /not signed by the CA \(Secret db-ca, key ca.crt\)/);
  });

  for (const query of ['?sslmode=require', '?ssl=true']) {
    test(`with ${query} is encrypted`, async () => {
      await writeFile(join(folder, 'tls-uri'), `${postgres.uri()}${query}`);
      const config = configFor({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'tls-uri') });
      const pool = await createLedgerPool({ ...config, SUMPIPELINE_STORE_CA_FILE: undefined }, silentLogger);
      try {
        const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
        assert.deepEqual(rows, [{ ssl: true }]);
      } finally {
        await pool.end();
      }
    });
  }

  test('to a closed port says what cannot be reached', async () => {
    await writeFile(join(folder, 'closed-uri'), 'postgres://u:p@127.0.0.1:1/db');
    const error = await failureOf({ SUMPIPELINE_STORE_URI_FILE: join(folder, 'closed-uri') });
    assert.match(error.message, /PostgreSQL of Secret db, key uri cannot be reached/);
  });

  test('with a text that is no URI never shows the text', async () => {
    await writeFile(join(folder, 'bad-uri'), 'hunter2');
    const config = configFor({
      SUMPIPELINE_STORE_URI_FILE: join(folder, 'bad-uri'),
      SUMPIPELINE_STORE_URI_SOURCE: 'Secret db, key uri',
    });
    await assert.rejects(openLedger(config, silentLogger), (error: Error) => {
      assert.match(error.message, /Secret db, key uri is not a URI/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
});
