import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Fixture } from '#test/e2e/fixture.ts';
import { readTotals } from '#test/e2e/pipelines.ts';

/** Tests the first steps of a user, who looks at the system, then pastes the commands of the instructions. */
export function firstLook(fixture: () => Fixture): void {
  describe('with kubectl alone', () => {
    const shell = async (line: string) => {
      const ran = await fixture().system.shell(line);
      assert.equal(ran.code, 0, `${line}\n${ran.stderr}`);
      return ran.stdout;
    };

    test('get shows that the pipeline is Ready and Exact, and with -o wide its Kafka and image', async () => {
      const rows = (await shell('kubectl get sump')).trimEnd().split('\n').map(cells);
      assert.deepEqual(rows[0], ['NAME', 'READY', 'REASON', 'CALCULATORS', 'AGGREGATORS', 'EXACT', 'AGE']);
      assert.deepEqual(rows[1]?.slice(0, -1), ['orders', 'True', 'Ready', '2/2', '2/2', 'True']);
      assert.equal(rows.length, 2);
      const wide = (await shell('kubectl get sumpipelines -o wide')).trimEnd().split('\n').map(cells);
      assert.deepEqual(wide[0]?.slice(7), ['IMAGE', 'BOOTSTRAP', 'TOPIC', 'MESSAGE']);
      assert.match(wide[1]?.[7] ?? '', /^localhost\/sumpipeline:[0-9a-f]{12}$/);
      assert.deepEqual(wide[1]?.slice(8), [
        '10.188.1.1:9092',
        'default.orders',
        '2 of 2 calculators and 2 of 2 aggregators are ready',
      ]);
      assert.match(await shell('kubectl get sum -A'), /default +orders +True +Ready/); // the category
    });

    test('wait returns at once', async () => {
      const said = await shell('kubectl wait --for=condition=Ready sump/orders --timeout=10s');
      assert.equal(said, 'sumpipeline.sumpipeline.dev/orders condition met\n');
    });

    test('explain describes a field', async () => {
      const said = await shell('kubectl explain sump.spec.kafka.topic.partitions');
      assert.match(said, /KIND: +SumPipeline\nVERSION: +v1alpha1\n\nFIELD: partitions <integer>/);
      assert.match(said, /DESCRIPTION:\n {4}\S/);
    });

    test('describe shows the events', async () => {
      const said = await shell('kubectl describe sump orders');
      const events = said
        .slice(said.indexOf('\nEvents:'))
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/))
        .filter(([type]) => type === 'Normal' || type === 'Warning')
        .map(([type, reason, , from, message]) => [type, reason, from, message]);
      const by = 'sumpipeline.dev/operator';
      assert.deepEqual(
        events.filter(([, reason]) => reason !== 'Created').toSorted(),
        [
          ['Normal', 'Ready', by, '2 of 2 calculators and 2 of 2 aggregators are ready'],
          ['Normal', 'Scaled', by, 'Deployment default/orders-aggregator from 1 to 2 replicas'],
          ['Normal', 'Scaled', by, 'Deployment default/orders-calculator from 1 to 2 replicas'],
        ],
        said,
      );
      assert.match(said, /Normal +Created .*created ServiceAccount default\/orders-calculator, .*PodDisruptionBudget/);
    });
  });

  test('every command of the instructions works as printed', async () => {
    const { system } = fixture();
    const lines = system.instructions
      .split('\n')
      .filter((line) => line.startsWith('  ') && !/^ {2}(cd|export|alias) /.test(line))
      .map((line) => line.trim());
    const [add, addFile, total, verify, get, describePipeline, remove, apply, forward, curl] = lines;
    assert.equal(lines.length, 10, system.instructions);
    const paste = async (line: string | undefined, ...more: string[]) => {
      const ran = await system.shell(line ?? '', ...more);
      assert.equal(ran.code, 0, `${line}\n${ran.stdout}${ran.stderr}`);
      return ran;
    };
    assert.match((await paste(add)).stdout, /^Series: +orders\nResult: +3\.1\nPosition: +\d:\d+\n.*\nReplayed: +no\n$/);
    assert.match((await paste(addFile)).stdout, /Rows: +200 in .*\nAccepted: +200\nReplayed: +0\nRejected: +0\n/);
    await paste(verify);
    assert.match((await paste(total)).stdout, /^orders +3\.1 +1$/m);
    assert.match((await paste(get)).stdout, /orders +True +Ready +2\/2 +2\/2 +True/);
    assert.match((await paste(describePipeline)).stdout, /^Name: +orders\n/);

    const before = await readTotals(system, 'default');
    assert.match((await paste(remove)).stdout, /sumpipeline\.sumpipeline\.dev "orders" deleted/);
    await paste(apply, 'kubectl wait --for=condition=Ready sump/orders --timeout=180s');
    assert.deepEqual(await readTotals(system, 'default'), before);

    // Run both lines together, as a user pastes them: curl must wait until the port-forward is ready.
    const scrape = await paste(forward, 'trap "kill $!" EXIT', curl ?? '');
    assert.match(scrape.stdout, /^sumpipeline_exact\{.*\} 1$|^sumpipeline_exact 1$/m);
  });
}

function cells(line: string): string[] {
  return line.trim().split(/ {2,}/);
}
