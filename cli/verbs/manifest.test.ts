import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { runSumctl } from '#cli/testing/context.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

const sample = join(import.meta.dirname, '..', '..', 'manifests', 'samples', 'pipeline.yaml');
const sampleText = await readFile(sample, 'utf8');

test('validate --offline reports a valid schema and that the server was not contacted', async () => {
  const ran = await runSumctl(['validate', '-f', sample, '--offline']);
  assert.deepEqual(ran, {
    exitCode: 0,
    stdout: `${sample}: SumPipeline default/orders\n  schema  ok\n  server  not checked (--offline)\n`,
    stderr: '',
  });
});

const mistakes: [what: string, from: string | RegExp, to: string, path: RegExp][] = [
  ['an unknown field', 'partitions: 6', 'partition: 6', /spec\.kafka\.topic\.partition\b/],
  ['a wrong type', 'partitions: 6', 'partitions: many', /spec\.kafka\.topic\.partitions: /],
  ['a rule over two fields', 'partitions: 6', 'partitions: 1', /spec\.aggregator\.replicas: .*must not exceed/],
  ['a missing field', /store:[\s\S]*?calculator:/, 'calculator:', /spec\.store: /],
  ['a wrong version', 'v1alpha1', 'v1', /apiVersion: /],
  ['a wrong name', 'name: orders\n  namespace', 'name: Orders\n  namespace', /metadata\.name: must/],
];

for (const [what, from, to, path] of mistakes) {
  test(`validate names the field of ${what}, and exits with 1`, async () => {
    const text = sampleText.replace(from, to);
    assert.notEqual(text, sampleText);
    await using folder = await createTemporaryFolder({ 'x.yaml': text });
    const ran = await runSumctl(['validate', '-f', folder.file('x.yaml'), '--offline']);
    assert.equal(ran.exitCode, 1, ran.stdout);
    assert.match(ran.stdout, / {2}schema {2}not valid/);
    assert.match(ran.stdout, path);
  });
}

test('validate -o json lists the problems by path', async () => {
  const ran = await runSumctl(['validate', '-f', '-', '--offline', '-o', 'json'], {
    stdin: sampleText.replace('partitions: 6', 'partitions: 0'),
  });
  assert.equal(ran.exitCode, 1);
  const { documents } = JSON.parse(ran.stdout);
  assert.equal(documents.length, 1);
  assert.equal(documents[0].pipeline, 'default/orders');
  assert.equal(documents[0].schema.problems[0].path, 'spec.kafka.topic.partitions');
  assert.equal(documents[0].server.ran, false);
});

/** A kubeconfig of a cluster that no longer exists. */
const goneCluster = {
  clusters: [{ name: 'gone', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'gone', user: {} }],
  contexts: [{ name: 'gone', context: { cluster: 'gone', user: 'gone' } }],
  'current-context': 'gone',
};

for (const named of ['--kubeconfig', '--context']) {
  test(`if a cluster named by ${named} does not respond, validate exits with 3, after the checks that need no cluster`, async () => {
    await using folder = await createTemporaryFolder({ kubeconfig: stringify(goneCluster) });
    const kubeconfig = ['--kubeconfig', folder.file('kubeconfig')];
    const args = named === '--context' ? [...kubeconfig, '--context', 'gone'] : kubeconfig;
    const ran = await runSumctl(['validate', '-f', sample, ...args]);
    assert.equal(ran.exitCode, 3);
    assert.match(ran.stdout, / {2}schema {2}ok\n {2}server {2}not checked \(cannot reach the API server/);
    assert.match(
      ran.stderr,
      /^error: only the schema was checked: cannot reach the API server .*\nThe context is "gone"/,
    );
    const bad = await runSumctl(['validate', '-f', '-', ...args], {
      stdin: sampleText.replace('partitions: 6', 'x: 6'),
    });
    assert.equal(bad.exitCode, 1, 'a known mistake decides the exit code');
  });
}

test('if a cluster that was not named does not respond, validate exits with 0 and says that only the schema was checked', async (t) => {
  await using folder = await createTemporaryFolder({ kubeconfig: stringify(goneCluster) });
  const before = process.env;
  t.after(() => {
    process.env = before;
  });
  process.env = { ...before, KUBECONFIG: folder.file('kubeconfig') };
  const ran = await runSumctl(['validate', '-f', sample]);
  assert.equal(ran.exitCode, 0);
  assert.match(ran.stdout, / {2}schema {2}ok\n {2}server {2}not checked \(cannot reach the API server/);
  assert.match(ran.stderr, /^only the schema was checked: cannot reach the API server https:\/\/127\.0\.0\.1:1: .*\n$/);
});

test('validate checks every pipeline of a file and names the other kinds that it skipped', async () => {
  const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n';
  const text = [secret, sampleText, sampleText.replace('name: orders\n', 'name: billing\n')].join('---\n');
  const ran = await runSumctl(['validate', '-f', '-', '--offline'], { stdin: text });
  assert.equal(ran.exitCode, 0, ran.stdout);
  assert.match(ran.stdout, /document 2: SumPipeline default\/orders/);
  assert.match(ran.stdout, /document 3: SumPipeline default\/billing/);
  assert.equal(ran.stderr, 'skipped: 1 document of another kind (Secret)\n');
});

const many = (alias: string) => `[${`${alias},`.repeat(50)}]`;
const aliasBomb = `a: &a ${many('x')}\nb: &b ${many('*a')}\nc: &c ${many('*b')}\nd: ${many('*c')}\n`;

for (const verb of ['validate', 'render']) {
  const offline = verb === 'validate' ? ['--offline'] : [];

  for (const [what, from, to, problem] of [
    [
      'a kind in another spelling',
      'kind: SumPipeline',
      'kind: Sumpipeline',
      'kind: is "Sumpipeline": did you mean SumPipeline?',
    ],
    [
      'another kind of our group',
      'kind: SumPipeline',
      'kind: Pipeline',
      'kind: is "Pipeline": did you mean SumPipeline?',
    ],
    ['no kind', 'kind: SumPipeline\n', '', 'kind: is missing'],
    ['a version that does not exist', 'v1alpha1', 'v2', 'apiVersion: must be sumpipeline.dev/v1alpha1'],
  ] as const) {
    test(`${verb} names the mistake of ${what}, also beside a good pipeline`, async () => {
      const stdin = `${sampleText.replace(from, to)}---\n${sampleText}`;
      const ran = await runSumctl([verb, '-f', '-', ...offline], { stdin });
      assert.equal(ran.exitCode, 1, ran.stdout);
      const lines = `${ran.stdout}${ran.stderr}`.split('\n').map((line) => line.trim());
      assert.ok(lines.includes(problem), `${ran.stdout}${ran.stderr}`);
    });
  }

  test(`${verb} reads the items of a list`, async () => {
    const [pipeline] = parseAllDocuments(sampleText).map((document) => document.toJS());
    const list = {
      apiVersion: 'v1',
      kind: 'List',
      items: [{ kind: 'Secret' }, pipeline, { ...pipeline, kind: 'Sump' }],
    };
    const ran = await runSumctl([verb, '-f', '-', ...offline], { stdin: JSON.stringify(list) });
    assert.equal(ran.exitCode, 1);
    assert.match(
      `${ran.stdout}${ran.stderr}`,
      /standard input, item 3[\s\S]*kind: is "Sump": did you mean SumPipeline\?/,
    );
    assert.match(ran.stderr, /^skipped: 1 document of another kind \(Secret\)\n/);
  });

  test(`${verb} refuses a file whose namespace differs from -n`, async () => {
    const ran = await runSumctl([verb, '-f', sample, '-n', 'other', ...offline]);
    assert.equal(ran.exitCode, 1);
    assert.match(
      `${ran.stdout}${ran.stderr}`,
      /metadata\.namespace: is "default", but -n says "other": leave out -n or change the file/,
    );
    const without = sampleText.replace('  namespace: default\n', '');
    assert.equal((await runSumctl([verb, '-f', '-', '-n', 'other', ...offline], { stdin: without })).exitCode, 0);
  });

  const failing: [what: string, stdin: string, exitCode: number, message: RegExp][] = [
    ['no YAML', 'a: [1', 1, /standard input is not YAML: /],
    ['nothing', '', 1, /standard input holds no document/],
    [
      'only other kinds',
      'kind: Secret\n---\nkind: ConfigMap\n---\nhello\n',
      1,
      /standard input holds no SumPipeline of sumpipeline\.dev\/v1alpha1\nIt holds 3 documents of other kinds \(Secret, ConfigMap, no kind\)\./,
    ],
    ['an alias without an anchor', 'a: 1\n---\na: *b\n', 1, /standard input, document 2 is not YAML: Unresolved alias/],
    ['an alias bomb', aliasBomb, 1, /standard input is not YAML: Excessive alias count/],
    ['an anchor that holds itself', 'a: &a [*a]\n', 1, /standard input is not YAML: Converting circular structure/],
    ['bytes that are not text', '\u0000\u0001\u0002'.repeat(5000), 1, /^error: standard input is not text in UTF-8\n$/],
    [
      'control characters',
      `a: [ \u001b[31m${'x'.repeat(5000)}`,
      1,
      /^error: standard input is not YAML: [ -~]{1,250}\n$/,
    ],
    [
      'a directive full of control characters',
      `%\u001b[31m${'x'.repeat(5000)} a\n---\n%b`,
      1,
      /^error: [ -~]{1,300}\n(It holds .*\n)?$/,
    ],
  ];
  for (const [what, stdin, exitCode, message] of failing) {
    test(`${verb} of ${what} reports it`, async () => {
      const ran = await runSumctl([verb, '-f', '-', ...offline], { stdin });
      assert.equal(ran.exitCode, exitCode, ran.stderr);
      assert.match(ran.stderr, message);
      assert.equal(ran.stdout, '');
    });
  }

  test(`${verb} without -f, or with a file that does not exist, is a usage error`, async () => {
    assert.match((await runSumctl([verb])).stderr, /required option '-f, --file <path>' not specified/);
    const ran = await runSumctl([verb, '-f', '/does/not/exist.yaml']);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, /cannot read .*ENOENT/);
  });
}

test('render prints the children as a YAML stream, and as a list for -o json', async () => {
  const yaml = await runSumctl(['render', '-f', sample]);
  assert.equal(yaml.exitCode, 0, yaml.stderr);
  const kinds = parseAllDocuments(yaml.stdout).map((document) => (document.toJS() as { kind: string }).kind);
  assert.equal(kinds.filter((kind) => kind === 'Deployment').length, 2);
  assert.equal(kinds.filter((kind) => kind === 'Service').length, 4);
  assert.match(yaml.stdout, /image: sumpipeline:0\.0\.0-test/);
  const json = JSON.parse((await runSumctl(['render', '-f', sample, '-o', 'json', '--image', 'x:1'])).stdout);
  assert.equal(json.kind, 'List');
  assert.deepEqual(
    json.items.map((item: { kind: string }) => item.kind),
    kinds,
  );
});

test('render of a pipeline that is not valid names the fields', async () => {
  const ran = await runSumctl(['render', '-f', '-'], { stdin: sampleText.replace('partitions: 6', 'partitions: 1') });
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /standard input is not valid:\nspec\.aggregator\.replicas: /);
});
