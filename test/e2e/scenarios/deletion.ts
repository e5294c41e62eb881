import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Fixture } from '#test/e2e/fixture.ts';
import { readTotals, untilReady } from '#test/e2e/pipelines.ts';
import { freeze } from '#test/e2e/servers.ts';
import type { System } from '#test/e2e/system.ts';

const sample = join(import.meta.dirname, '..', '..', '..', 'manifests', 'samples', 'pipeline.yaml');

/** Deletes the sample pipeline, which has counted additions, while Kafka and PostgreSQL are in different states. */
export function deletion(fixture: () => Fixture): void {
  test('a SumPipeline and all its objects are deleted within a minute, and applied again it has its totals', async (t) => {
    const { system } = fixture();
    const before = await readTotals(system, 'default');
    assert.ok(before.size > 50);
    // Foreground deletion: the resource is removed after its last child.
    await deleteWithin60s(t, system, '--cascade=foreground');
    assert.equal(await leftovers(system), '');
    await comesBack(fixture(), before);
  });

  for (const server of ['Kafka', 'PostgreSQL'] as const) {
    test(`a SumPipeline is deleted within a minute while ${server} hangs, and applied again it has its totals`, async (t) => {
      const { system } = fixture();
      const before = await readTotals(system, 'default');
      {
        using _ = await freeze(system, server);
        await deleteWithin60s(t, system);
        // The pods can end without Kafka and PostgreSQL.
        const wait = ['-n', 'default', 'wait', '--for=delete', 'pod', '-l', 'sumpipeline.dev/name=orders'];
        await system.kubectl.run([...wait, '--timeout=60s']);
        assert.equal(await leftovers(system), '');
      }
      await comesBack(fixture(), before);
    });
  }
}

async function deleteWithin60s(t: TestContext, system: System, ...how: string[]): Promise<void> {
  const startedAt = performance.now();
  await system.kubectl.run(['-n', 'default', 'delete', 'sump', 'orders', '--timeout=60s', ...how]);
  t.diagnostic(`deleted in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** Returns the names of the pipeline's objects that still exist. */
async function leftovers(system: System): Promise<string> {
  const kinds = 'sump,deploy,rs,pods,svc,cm,sa,role,rolebinding,pdb';
  const selected = ['-n', 'default', 'get', kinds, '-l', 'sumpipeline.dev/name=orders', '-o', 'name'];
  return system.kubectl.run(selected);
}

type Totals = Awaited<ReturnType<typeof readTotals>>;

async function comesBack({ system, client }: Fixture, before: Totals): Promise<void> {
  await system.kubectl.run(['-n', 'default', 'apply', '-f', '-'], { input: await readFile(sample, 'utf8') });
  await untilReady(client, 'default');
  assert.deepEqual(await readTotals(system, 'default'), before);
}
