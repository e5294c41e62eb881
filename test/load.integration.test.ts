import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DataPlane, startDataPlane } from '#cli/testing/dataPlane.ts';
import { loadScenarioNames } from '#k6/load/scenarios.ts';
import type { LoadSummary } from '#k6/load/summary.ts';
import { runEntry } from '#test/support/k6StandIn/runEntry.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';

let folder: TemporaryFolder;
let plane: DataPlane;

before(async () => {
  folder = await createTemporaryFolder();
  plane = await startDataPlane();
});

after(async () => {
  await plane?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

/** Checks that the journals agree. Does not check latency, because the machine runs other tests. */
function assertAgrees(summary: LoadSummary): void {
  const journal = summary.checks.filter(({ name }) => name.includes('journal_agrees') || name.includes('compared'));
  assert.equal(journal.length, 2, JSON.stringify(summary.checks));
  for (const check of journal) assert.ok(check.passed, JSON.stringify(check));
}

async function runLoad(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['lab/load/main.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

const grpcAddress = () => plane.calculatorGrpcUrl.replace('grpc://', '');

function addresses(): string[] {
  return ['--calculator', plane.calculatorUrl, '--grpc', grpcAddress(), '--aggregator', plane.aggregatorUrl];
}

describe('npm run load', () => {
  test('runs a scenario over gRPC and HTTP, and finds every acknowledged addition in the totals', async () => {
    const out = join(folder.path, 'reports');
    const args = ['smoke', '--time', '0.1', ...addresses(), '--out', out, '--run', uniqueName('a'), '-o', 'json'];
    const { code, stdout, stderr } = await runLoad(args);
    assert.ok(code === 0 || code === 1, stderr);
    const summary = JSON.parse(stdout) as LoadSummary;
    assertAgrees(summary);
    assert.deepEqual(JSON.parse(await readFile(join(out, 'load-smoke.json'), 'utf8')), summary);
    assert.match(await readFile(join(out, 'load-smoke.html'), 'utf8'), /<h1>Load test smoke/);
    assert.match(await readFile(join(out, 'load-smoke.junit.xml'), 'utf8'), /<testsuite name="load.smoke" tests="6"/);
  });

  test('fails when the aggregator does not respond', async () => {
    const nowhere = 'http://127.0.0.1:9';
    const args = ['smoke', '--time', '0.01', '--rate', '0.2', '--run', uniqueName('b')];
    const { code, stdout } = await runLoad([...args, ...addresses().slice(0, 4), '--aggregator', nowhere]);
    assert.equal(code, 1);
    assert.match(stdout, /FAILED sumpipeline_journal_agrees/);
  });

  test('lists the scenarios if the given one does not exist', async () => {
    const { code, stderr } = await runLoad(['smok']);
    assert.equal(code, 1);
    assert.match(stderr, /smoke, load, spike, soak, autoscale/);
  });
});

describe('the entry files of k6, under a stand-in for k6', () => {
  for (const name of loadScenarioNames) {
    test(`runs ${name} and finds every acknowledged addition in the totals`, async () => {
      const seconds = 3;
      const full = { smoke: 30, load: 420, spike: 250, soak: 7200, autoscale: 1400 }[name];
      const peak = { smoke: 5, load: 100, spike: 400, soak: 50, autoscale: 500 }[name];
      const written = await runEntry(name, {
        CALCULATOR: plane.calculatorUrl,
        GRPC: grpcAddress(),
        AGGREGATOR: plane.aggregatorUrl,
        RUN: uniqueName('k6'),
        TIME: String(seconds / full),
        RATE: String(10 / peak),
        OUT: '/reports',
      });
      const summary = JSON.parse(written[`/reports/load-${name}.json`] ?? '{}') as LoadSummary;
      assertAgrees(summary);
      assert.match(written['stdout'] ?? '', new RegExp(`Load test ${name}`));
    });
  }
});
