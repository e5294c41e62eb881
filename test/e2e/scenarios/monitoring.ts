import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import { waitFor } from '#lab/process/wait.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import { untilReady, untilSays } from '#test/e2e/pipelines.ts';

/** Tests an API that does not exist at first and is installed later. */
export function monitoring(fixture: () => Fixture): void {
  test('without prometheus-operator a pipeline is Ready and reports what is missing; after the installation it gets its monitors', async () => {
    const { system, client } = fixture();
    const run = (...args: string[]) => system.kubectl.run(['-n', 'default', ...args]);
    const operators = () => system.kubectl.run(['-n', 'sumpipeline-system', 'get', 'pods', '-o', podsAndRestarts]);
    const before = await operators();
    await run('patch', 'sump', 'orders', '--type=merge', '-p', '{"spec":{"monitoring":{"enabled":true}}}');
    await untilSays(client, 'default', 'ObservabilityReady', {
      status: 'False',
      reason: 'CRDNotInstalled',
      message:
        'servicemonitors.monitoring.coreos.com is not installed: install prometheus-operator (the operator then creates the ServiceMonitors), or set spec.monitoring.enabled to false',
    });
    await untilReady(client, 'default');

    const { files } = await prometheusOperatorCrds();
    const needed = files.filter((file) => /servicemonitors|prometheusrules/.test(file));
    await run('create', ...needed.flatMap((file) => ['-f', file]));
    await untilSays(client, 'default', 'ObservabilityReady', {
      status: 'True',
      reason: 'Monitored',
      message: 'a ServiceMonitor for each component exists',
    });
    const monitors = await waitFor({ what: 'the ServiceMonitors', timeoutMs: 30_000, intervalMs: 500 }, () =>
      run('get', 'servicemonitors', '-o', 'name'),
    );
    assert.deepEqual(monitors.trim().split('\n').toSorted(), [
      'servicemonitor.monitoring.coreos.com/orders-aggregator',
      'servicemonitor.monitoring.coreos.com/orders-calculator',
    ]);
    await untilReady(client, 'default');
    assert.equal(await operators(), before, 'without a restart');
  });
}

const podsAndRestarts =
  'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\\n"}{end}';
