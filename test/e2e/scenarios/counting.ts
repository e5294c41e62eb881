import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { auditResultSchema } from '#audit/result.ts';
import { importRequestId } from '#cli/import/requestId.ts';
import type { Component } from '#contract/names.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import { readTotals, untilReady, untilSays } from '#test/e2e/pipelines.ts';
import { collectReceipts, describeAddition, describeRecord, type Receipt } from '#test/e2e/receipts.ts';
import { type AdditionRow, buildRows, sumRows, toCsv } from '#test/e2e/rows.ts';
import { freeze, killAndAwait, query } from '#test/e2e/servers.ts';
import type { System } from '#test/e2e/system.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';

/** Number of rows of the import. Set SUMPIPELINE_E2E_ROWS=100000 for a longer run by hand. */
const count = Number(process.env['SUMPIPELINE_E2E_ROWS'] ?? 5000);
const series = 'receipts';
/**
 * Options of the import. A short import sends few rows at the same time, so that it still runs when servers are
 * killed.
 */
const gently = count > 20_000 ? [] : ['--concurrency', '4'];

const proofSchema = z.object({
  exact: z.boolean(),
  partitions: z.array(
    z.object({
      nextOffset: z.string(),
      logEnd: z.string(),
      applied: z.string(),
      conflict: z.string(),
      parked: z.string(),
    }),
  ),
});

const summarySchema = z.object({
  importId: z.string(),
  rows: z.number(),
  accepted: z.number(),
  replayed: z.number(),
  rejected: z.number(),
  unanswered: z.number(),
  vector: z.string(),
});

export function counting(fixture: () => Fixture): void {
  test(`${count} rows that are sent repeatedly while every server is killed are counted once`, async (t) => {
    const { system, client, access, folder } = fixture();
    const rows = buildRows(count);
    const file = join(folder, 'rows.csv');
    await writeFile(file, toCsv(rows));
    const before = await readProof(system);

    const done = new AbortController();
    const imports = importUntil(system, file, done.signal);
    let refusals = 0;
    const receipts = collectReceipts({
      address: await addressOf(system, 'calculator'),
      rows: oneByOne(),
      signal: done.signal,
      onRefused: () => refusals++,
    });
    try {
      for (const [what, fault] of faults(fixture(), () => refusals)) {
        const startedAt = performance.now();
        await fault();
        t.diagnostic(`${what}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      }
      await untilReady(client, 'default');
    } finally {
      done.abort();
      // Wait also if a fault could not be caused: imports that go on would disturb the next tests.
      await Promise.allSettled([imports, receipts]);
    }
    const [summaries, acknowledged] = await Promise.all([imports, receipts]);
    t.diagnostic(`${summaries.length} imports, ${acknowledged.length} receipts`);

    for (const summary of summaries) {
      assert.equal(summary.accepted + summary.replayed, count, JSON.stringify(summary));
      assert.deepEqual([summary.rows, summary.rejected, summary.unanswered], [count, 0, 0]);
    }
    assert.ok(summaries.length >= 2);
    await untilCounted(system, summaries, acknowledged);
    assertTotals(await readTotals(system, 'default'), [...rows, ...acknowledged]);

    const proof = await readProof(system);
    assert.equal(proof.applied - before.applied, BigInt(count + acknowledged.length));
    assert.deepEqual([proof.exact, proof.lag, proof.conflict, proof.parked], [true, 0n, 0n, 0n]);
    const message = 'every record has one disposition and the ledger sums to the totals';
    await untilSays(client, 'default', 'TotalExact', { status: 'True', reason: 'Exact', message });

    const log = await auditLog(access.kafka, 'default.orders');
    const at = (partition: number, offset: string) => describeRecord(log.get(partition)?.[Number(offset)]);
    for (const receipt of acknowledged) {
      assert.equal(at(receipt.partition, receipt.offset), describeAddition(receipt));
    }
    // The log must hold each counted row of the import at the position that the ledger has.
    const importId = summaries[0]?.importId ?? '';
    const books = await query(
      access,
      'SELECT request_id, partition, "offset" FROM "default.orders".ledger WHERE series LIKE $1',
      ['series-%'],
    );
    const places = new Map(books.rows.map((row) => [String(row.request_id), row]));
    assert.equal(places.size, count);
    for (const [index, row] of rows.entries()) {
      const requestId = importRequestId(importId, index + 1);
      const place = places.get(requestId);
      assert.equal(at(Number(place?.partition), String(place?.offset)), describeAddition({ requestId, ...row }));
    }
  });

  test('verify --from-log reads the log again in a Job, and gives the same result', async () => {
    const { system } = fixture();
    const ran = await system.sumctl(['verify', '--from-log', '-n', 'default', '-o', 'json']);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const { verdict, partitions } = auditResultSchema.parse(JSON.parse(ran.stdout));
    const applied = partitions.reduce((sum, partition) => sum + BigInt(partition.applied), 0n);
    assert.deepEqual([verdict, applied], ['exact', (await readProof(system)).applied]);
    assert.match(ran.stderr, /^created Job orders-audit-\w{5}$/m);
    // The pod is neither an aggregator nor a child of the operator, so no selector of the pipeline matches it.
    assert.equal((await podsOf(system, 'aggregator')).length, 2);
    await system.kubectl.run(['-n', 'default', 'delete', 'job', '-l', 'sumpipeline.dev/audit=orders']);
  });
}

/** Returns the faults in order. Each resolves when the killed process is back. */
function faults({ system, client }: Fixture, refusals: () => number): [string, () => Promise<void>][] {
  const { kubectl } = system;
  const settle = async (deployment: string, namespace = 'default') => {
    await kubectl.run(['-n', namespace, 'rollout', 'status', `deployment/${deployment}`, '--timeout=120s']);
  };
  const deletePods = async (component: Component, ...how: string[]) => {
    for (const pod of await podsOf(system, component)) {
      await kubectl.run(['-n', 'default', 'delete', 'pod', pod, ...how]);
      await settle(`orders-${component}`);
    }
  };
  return [
    ['each calculator deleted', () => deletePods('calculator')],
    ['Kafka killed', () => killAndAwait(system, 'Kafka')],
    [
      'Kafka hanging until a client gets the response to retry',
      async () => {
        const before = refusals();
        using _ = await freeze(system, 'Kafka');
        await until('a refusal', () => refusals() > before, { timeoutMs: 60_000 });
      },
    ],
    ['each aggregator deleted without grace', () => deletePods('aggregator', '--grace-period=0', '--force')],
    ['PostgreSQL killed', () => killAndAwait(system, 'PostgreSQL')],
    [
      'PostgreSQL hanging until no response reports the total as exact',
      async () => {
        using _ = await freeze(system, 'PostgreSQL');
        const message = /^the ledger cannot be read: /;
        await untilSays(client, 'default', 'TotalExact', { status: 'Unknown', reason: 'Unreachable', message });
      },
    ],
    [
      'the leading operator deleted',
      async () => {
        const namespace = 'sumpipeline-system';
        const lease = [
          '-n',
          namespace,
          'get',
          'lease',
          'sumpipeline-operator',
          '-o',
          'jsonpath={.spec.holderIdentity}',
        ];
        const leader = await kubectl.run(lease);
        const pods = (await kubectl.run(['-n', namespace, 'get', 'pods', '-o', 'name'])).trim().split('\n');
        const pod = pods.find((name) => leader.includes(name.replace('pod/', '')));
        assert.ok(pod, `${leader} leads, there are ${pods.join()}`);
        await kubectl.run(['-n', namespace, 'delete', pod]);
        await settle('sumpipeline-operator', namespace);
      },
    ],
    [
      'Kafka and PostgreSQL killed at the same time, and both aggregators deleted',
      async () => {
        await Promise.all([
          killAndAwait(system, 'Kafka'),
          killAndAwait(system, 'PostgreSQL'),
          kubectl.run(['-n', 'default', 'delete', 'pod', '-l', 'sumpipeline.dev/component=aggregator']),
        ]);
        await settle('orders-aggregator');
      },
    ],
  ];
}

async function podsOf(system: System, component: Component): Promise<string[]> {
  const selector = `sumpipeline.dev/name=orders,sumpipeline.dev/component=${component}`;
  const names = await system.kubectl.run(['-n', 'default', 'get', 'pods', '-l', selector, '-o', 'name']);
  return names
    .trim()
    .split('\n')
    .map((name) => name.replace('pod/', ''));
}

async function addressOf(system: System, component: Component): Promise<string> {
  return system.kubectl.run([
    '-n',
    'default',
    'get',
    'service',
    `orders-${component}`,
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]);
}

/** Runs the same import at least twice, and until the signal. */
async function importUntil(
  system: System,
  file: string,
  signal: AbortSignal,
): Promise<z.output<typeof summarySchema>[]> {
  const summaries = [];
  while (!signal.aborted || summaries.length < 2) {
    const ran = await system.sumctl(['add', '--file', file, '-n', 'default', '-o', 'json', ...gently]);
    assert.equal(ran.code, 0, ran.stderr);
    summaries.push(summarySchema.parse(JSON.parse(ran.stdout)));
  }
  return summaries;
}

function* oneByOne(): Generator<AdditionRow> {
  for (let n = 1; ; n++) yield { series, a: `${n}`, b: '0.000001' };
}

/** Waits until the totals include every acknowledged addition, by reads with the receipts' positions. */
async function untilCounted(
  system: System,
  summaries: readonly { readonly vector: string }[],
  receipts: readonly Receipt[],
): Promise<void> {
  const last = receipts.at(-1);
  assert.ok(last);
  for (const vector of [...summaries.map((summary) => summary.vector), `${last.partition}:${last.offset}`]) {
    const ran = await system.sumctl(['total', series, '-n', 'default', '--at-least', vector, '--timeout', '60s']);
    assert.equal(ran.code, 0, ran.stderr);
  }
}

function assertTotals(totals: Map<string, { total: string; count: string }>, rows: readonly AdditionRow[]): void {
  const expected = sumRows(rows);
  assert.ok(expected.size === 51);
  assert.deepEqual(
    new Map([...totals].filter(([name]) => expected.has(name)).toSorted()),
    new Map([...expected].toSorted()),
  );
}

async function readProof(system: System) {
  const ran = await system.sumctl(['verify', '-n', 'default', '-o', 'json']);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const { exact, partitions } = proofSchema.parse(JSON.parse(ran.stdout));
  const sum = (pick: (one: (typeof partitions)[number]) => bigint) =>
    partitions.reduce((all, one) => all + pick(one), 0n);
  return {
    exact,
    applied: sum(({ applied }) => BigInt(applied)),
    conflict: sum(({ conflict }) => BigInt(conflict)),
    parked: sum(({ parked }) => BigInt(parked)),
    lag: sum(({ logEnd, nextOffset }) => BigInt(logEnd) - BigInt(nextOffset)),
  };
}
