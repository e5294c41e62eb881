import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { importRules } from './importRules.ts';

const root = join(import.meta.dirname, '..', '..');

/** A file, an import that it must not have, and the folder whose rule gives the reason. */
const forbidden: readonly (readonly [file: string, source: string, rule: string])[] = [
  ['core/a.ts', 'node:fs', 'core'],
  ['core/b.ts', '#contract/record.ts', 'core'],
  ['contract/a.ts', '#platform/log.ts', 'contract'],
  ['platform/a.ts', '@kubernetes/client-node', 'platform'],
  ['platform/b.ts', 'kafkajs', 'platform'],
  ['platform/c.ts', 'pg', 'platform'],
  ['services/a.ts', '#operator/main.ts', 'services'],
  ['services/b.ts', '@kubernetes/client-node', 'services'],
  ['services/eventlog/a.ts', 'pg', 'services/eventlog'],
  ['services/ledger/a.ts', 'kafkajs', 'services/ledger'],
  ['services/rpc/a.ts', '#services/ledger/port.ts', 'services/rpc'],
  ['services/calculator/a.ts', '#services/ledger/port.ts', 'services/calculator'],
  ['services/aggregator/a.ts', '#services/calculator/api.ts', 'services/aggregator'],
  ['operator/a.ts', '#services/ledger/port.ts', 'operator'],
  ['operator/b.ts', '@kubernetes/client-node', 'operator'],
  ['operator/later/a.ts', '#cli/run.ts', 'operator'],
  ['operator/api/a.ts', '#operator/desired/child.ts', 'operator/api'],
  ['operator/desired/a.ts', '#kube/client/client.ts', 'operator/desired'],
  ['operator/observe/a.ts', '#operator/plan/plan.ts', 'operator/observe'],
  ['operator/plan/a.ts', 'node:crypto', 'operator/plan'],
  ['operator/status/a.ts', '#operator/desired/child.ts', 'operator/status'],
  ['kube/a.ts', '#contract/names.ts', 'kube'],
  ['kube/b.ts', 'kubernetes-client', 'kube'],
  ['operator/reconcile/a.ts', '#services/ledger/port.ts', 'operator/reconcile'],
  ['audit/a.ts', '#core/decimal.ts', 'audit'],
  ['audit/b.ts', '#services/ledger/port.ts', 'audit'],
  ['audit/judge/a.ts', '#contract/config.ts', 'audit/judge'],
  ['audit/record/a.ts', '#core/decimal.ts', 'audit/record'],
  ['cli/a.ts', '#services/ledger/port.ts', 'cli'],
  ['cli/verbs/a.ts', '#lab/cache.ts', 'cli'],
  ['cli/verbs/b.ts', '#tools/gen/generate.ts', 'cli'],
  ['lab/up/a.ts', '#services/ledger/port.ts', 'lab'],
  ['lab/kafka/a.ts', '#tools/testing/servers.ts', 'lab'],
  ['k6/a.ts', 'node:fs', 'k6'],
  ['k6/b.ts', '#core/decimal.ts', 'k6'],
  ['k6/load/a.ts', 'k6/http', 'k6/load'],
  ['tools/a.ts', '#services/rpc/http.ts', 'tools'],
  ['tools/gen/a.ts', '#services/ledger/port.ts', 'tools'],
];

/** Impure expressions that need no import. */
const impure = [
  'Date.now()',
  'new Date()',
  'Math.random()',
  'performance.now()',
  "process.env['HOME']",
  'crypto.randomUUID()',
  "globalThis['process']",
];

const pureFolders = [
  'core',
  'contract',
  'k6/load',
  'operator/api',
  'operator/desired',
  'operator/observe',
  'operator/plan',
  'operator/status',
];

const allowed = [
  ['core/good.ts', "export const at = [new Date('2026-01-02'), Math.max(1, 2)];"],
  ['core/good.test.ts', "import { cacheRoot } from '#lab/cache.ts';\nexport const at = [Date.now(), cacheRoot];"],
  ['cli/testing/good.ts', "export { startKafka } from '#lab/kafka/kafka.ts';"],
  ['lab/up/good.ts', "export { cacheRoot } from '#lab/cache.ts';\nexport { main } from '#cli/main.ts';"],
  [
    'operator/good.ts',
    "export { createLog } from '#platform/log.ts';\nexport { KubeClient } from '#kube/client/client.ts';",
  ],
  ['k6/good.ts', "export { Counter } from 'k6/metrics';\nexport { slos } from '../contract/slo.ts';"],
  ['k6/load/good.ts', "export { addDecimals } from '../../core/decimal.ts';"],
  ['tools/gen/good.ts', "export { buildCrd } from '#operator/api/crd.ts';"],
  ['tools/gen/metrics.ts', "export { operatorMetrics } from '#operator/metrics.ts';"],
] as const;

const sources = new Map<string, string>([
  ...allowed,
  ...forbidden.map(([file, source]) => [file, `export * from '${source}';`] as const),
  ...pureFolders.flatMap((folder) =>
    impure.map((expression, index) => [`${folder}/impure${index}.ts`, `export const it = ${expression};`] as const),
  ),
  ['core/lazy.ts', "export const load = () => import('node:fs');"],
]);

/** The text that the linter printed about each file, by the path of the file. */
const said = new Map<string, string>();

before(async () => {
  // Write a tree of bad files with the real configuration: for standard input Biome does not print its reasons.
  await using folder = await createTemporaryFolder();
  for (const file of ['biome.json', 'tools/gen/purity.grit']) await place(folder.path, file);
  for (const [file, source] of sources) {
    await mkdir(dirname(join(folder.path, file)), { recursive: true });
    await writeFile(join(folder.path, file), `${source}\n`);
  }
  const output = await lint(folder.path);
  for (const part of output.split(/^(?=\S+\.ts:\d+:\d+ )/m)) {
    const file = /^(\S+\.ts):\d+/.exec(part)?.[1];
    if (file !== undefined) said.set(file, `${said.get(file) ?? ''}${part}`);
  }
});

async function place(folder: string, file: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await copyFile(join(root, file), join(folder, file));
}

/** Returns everything that the linter prints. Findings are expected here, so they are not an error. */
function lint(folder: string): Promise<string> {
  const args = ['lint', '--vcs-enabled=false', '--colors=off', '--max-diagnostics=none', '.'];
  return new Promise((resolve, reject) => {
    execFile(join(root, 'node_modules', '.bin', 'biome'), args, { cwd: folder }, (error, stdout, stderr) => {
      if (error && error.code !== 1) reject(error);
      else resolve(`${stdout}${stderr}`);
    });
  });
}

describe('the importRules', () => {
  for (const [file, source, rule] of forbidden) {
    test(`refuse ${source} in ${dirname(file)} and say why`, () => {
      const why = importRules.find(({ folder }) => folder === rule)?.why ?? assert.fail(`no rule of ${rule}`);
      assert.ok(said.get(file)?.includes(why), said.get(file) ?? 'the linter found nothing');
    });
  }

  test('are all covered by this test', () => {
    assert.deepEqual(new Set(forbidden.map(([, , rule]) => rule)), new Set(importRules.map(({ folder }) => folder)));
  });

  test('also hold for dynamic imports', () => {
    assert.match(said.get('core/lazy.ts') ?? '', /core\/ holds the sums and is pure/);
  });

  for (const folder of pureFolders) {
    for (const [index, expression] of impure.entries()) {
      test(`refuse ${expression} in ${folder}, which is pure`, () => {
        assert.match(said.get(`${folder}/impure${index}.ts`) ?? '', /this folder is pure/);
      });
    }
  }

  for (const [file, source] of allowed) {
    test(`allow in ${dirname(file)}: ${source.split('\n')[0]}`, () => assert.equal(said.get(file), undefined));
  }
});
