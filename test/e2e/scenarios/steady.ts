import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { waitFor } from '#lab/process/wait.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import { untilReady } from '#test/e2e/pipelines.ts';
import type { System } from '#test/e2e/system.ts';

/** Tests the operator when there is nothing to do, and when another client changes the children. */
export function steady(fixture: () => Fixture): void {
  test('a complete pipeline is not written, however often other clients change its objects', async () => {
    const { system, client } = fixture();
    await untilReady(client, 'default');
    const before = await readVersions(system);
    const metricsBefore = await readOperator(system);
    // Change fields that are not ours: each change is a watch event, so the operator reconciles the pipeline.
    for (let n = 1; n <= 3; n++) {
      await system.kubectl.run([
        '-n',
        'default',
        'annotate',
        'pods',
        '--all',
        `example.com/touched=${n}`,
        '--overwrite',
      ]);
    }
    const metrics = await waitFor(
      { what: 'the operator to have reconciled the pipeline', timeoutMs: 30_000, intervalMs: 500 },
      async () => {
        const now = await readOperator(system);
        return now.passes > metricsBefore.passes && now.active === 0 ? now : undefined;
      },
    );
    assert.equal(metrics.writes, metricsBefore.writes);
    assert.deepEqual(await readVersions(system), before);
  });

  test('changes of another client in the children are corrected, with an event for the number of pods', async () => {
    const { system, client } = fixture();
    const run = (...args: string[]) => system.kubectl.run(['-n', 'default', ...args]);
    await run('scale', 'deployment/orders-calculator', '--replicas=4');
    await run('patch', 'pdb', 'orders-aggregator', '--type=merge', '-p', '{"spec":{"maxUnavailable":0}}');
    await run(
      'patch',
      'service',
      'orders-calculator',
      '--type=merge',
      '-p',
      '{"spec":{"selector":{"sumpipeline.dev/name":"x"}}}',
    );
    await run('delete', 'service', 'orders-aggregator-headless');
    const read = (what: string, path: string) => run('get', ...what.split(' '), '-o', `jsonpath={${path}}`);
    await waitFor({ what: 'everything to be as it was', timeoutMs: 60_000, intervalMs: 500 }, async () => {
      assert.equal(await read('deployment orders-calculator', '.spec.replicas'), '2');
      assert.equal(await read('pdb orders-aggregator', '.spec.maxUnavailable'), '1');
      assert.equal(await read('service orders-calculator', String.raw`.spec.selector.sumpipeline\.dev/name`), 'orders');
      assert.equal(await read('service orders-aggregator-headless', '.spec.clusterIP'), 'None');
      return true;
    });
    const events = await run('events', '--for=sump/orders', '--no-headers');
    assert.match(events, /Scaled +\S+ +Deployment default\/orders-calculator from 4 to 2 replicas\n/);
    await untilReady(client, 'default');
  });
}

const listSchema = z.object({
  items: z.array(
    z.object({
      kind: z.string(),
      metadata: z.object({ name: z.string(), resourceVersion: z.string() }),
    }),
  ),
});

/** Reads `kind name version` of everything that the operator may write, including events. */
async function readVersions(system: System): Promise<string[]> {
  const kinds = 'sump,deploy,svc,cm,sa,role,rolebinding,pdb,events.events.k8s.io';
  const text = await system.kubectl.run(['-n', 'default', 'get', kinds, '-o', 'json']);
  return listSchema
    .parse(JSON.parse(text))
    .items.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`)
    .toSorted();
}

/** Reads counters of the leading operator. */
async function readOperator(system: System): Promise<{ writes: number; passes: number; active: number }> {
  const namespace = 'sumpipeline-system';
  const pods = await system.kubectl.run(['-n', namespace, 'get', 'pods', '-o', 'name']);
  const texts = await Promise.all(
    pods
      .trim()
      .split('\n')
      .map((pod) =>
        system.kubectl.run([
          'get',
          '--raw',
          `/api/v1/namespaces/${namespace}/pods/${pod.replace('pod/', '')}:9464/proxy/metrics`,
        ]),
      ),
  );
  const leading = texts.filter((text) => /^leader_election_master_status\{.*\} 1$/m.test(text));
  assert.equal(leading.length, 1, 'one operator leads');
  const sum = (name: string) =>
    [...(leading[0] ?? '').matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  return {
    writes: sum('sumpipeline_operator_actions_total') + sum('sumpipeline_operator_status_writes_total'),
    passes: sum('controller_runtime_reconcile_total'),
    active: sum('workqueue_active_workers') + sum('workqueue_depth'),
  };
}
