import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { runInContext } from '#cli/testing/context.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { renderFailedOnce } from './command.ts';
import { buildOnceDocument } from './document.ts';
import { runDown, runStart } from './run.ts';

const at = new Date('2026-06-01T10:00:00Z');

const npmStart = (args: readonly string[]) => runInContext((context) => runStart(args, context));

for (const [args, message] of [
  [['--input', 'x.csv'], /--input needs --once/],
  [['-o', 'json'], /-o needs --once/],
  [['--once', '--fresh'], /--once always starts fresh/],
  [['--once', '--input', '/does/not/exist'], /--input must be a file, but \/does\/not\/exist is not a file/],
  [['--once', '--input', '/tmp'], /--input must be a file/],
  [['--context', 'x'], /--context needs --cluster current/],
  [['--cluster', 'other'], /Allowed choices are local, current/],
  [['--cluster', 'current'], /--cluster current needs --context/],
  [['--cluster', 'current', '--context', 'x'], /--cluster current needs --image/],
] as const) {
  test(`npm start -- ${args.join(' ')} is refused before anything starts`, async () => {
    const ran = await npmStart(args);
    // --once is a check that passes (0) or fails (1), so wrong usage is also 1.
    assert.equal(ran.exitCode, args.some((arg: string) => arg === '--once') ? 1 : 2, ran.stderr);
    assert.match(ran.stderr, message);
    assert.equal(ran.stdout, '');
  });
}

test('--once -o json prints a document even when the options are wrong', async () => {
  for (const args of [
    ['--once', '-o', 'json', '--bogus'],
    ['--once', '--output=json', '--input', '/does/not/exist'],
  ]) {
    const ran = await npmStart(args);
    assert.equal(ran.exitCode, 1);
    const document = JSON.parse(ran.stdout);
    assert.deepEqual(document.totals, []);
    assert.equal(document.proof.exact, false);
    assert.match(document.error, /bogus|must be a file/);
  }
});

test('no other command line gets a document', () => {
  for (const args of [['-o', 'json'], ['--once'], ['--once', '-o', 'table']]) {
    assert.equal(renderFailedOnce(args, 'x', at), undefined);
  }
});

test('totals are sorted by the UTF-8 bytes of their series, not by UTF-16', () => {
  const totals = ['b', '\u{10000}', '\uFFFD', 'a', 'B'].map((series) => ({ series, total: '1', count: '1' }));
  const { totals: sorted } = buildOnceDocument({ totals, proof: undefined, at });
  assert.deepEqual(
    sorted.map(({ series }) => series),
    ['B', 'a', 'b', '\uFFFD', '\u{10000}'],
  );
});

/** Runs `up` in a cluster of the user, with only this kubectl on PATH. Undefined: without any kubectl. */
async function upInCurrent(t: TestContext, kubectl: string | undefined) {
  await using folder = await createTemporaryFolder({
    kubeconfig: stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'staging', context: { cluster: 'c', user: 'u' } }],
    }),
    ...(kubectl === undefined ? {} : { kubectl }),
  });
  if (kubectl !== undefined) await chmod(folder.file('kubectl'), 0o755);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env = { ...before, PATH: folder.path, SUMPIPELINE_STATE: folder.file('state') };
  const target = ['--cluster', 'current', '--context', 'staging', '--kubeconfig', folder.file('kubeconfig')];
  return await npmStart([...target, '--image', 'x', '--host', '127.0.0.1']);
}

test('without kubectl, up in a cluster of the user ends before Kafka and PostgreSQL are started', async (t) => {
  const ran = await upInCurrent(t, undefined);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /kubectl is not on PATH; install it, or use --cluster local/);
  assert.doesNotMatch(ran.stderr, /Kafka|PostgreSQL/);
});

test('up in a cluster with objects that the sample would overwrite ends before it starts or changes anything', async (t) => {
  const operator =
    '{"kind": "Deployment", "metadata": {"name": "o", "namespace": "s"}, "spec": {"template": {"spec": {"containers": []}}}}';
  const ran = await upInCurrent(
    t,
    `#!/bin/sh
case "$*" in
  *kustomize*/crds) echo '{"kind": "CustomResourceDefinition", "metadata": {"name": "c"}}' ;;
  *kustomize*) echo '${operator}' ;;
  *'get secrets'*) echo secret/orders-db ;;
  *'version --client' | *' get '*) ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`,
  );
  assert.equal(ran.exitCode, 1);
  assert.match(
    ran.stderr,
    /^error: context "staging" already has secret\/orders-db in namespace "default": nothing was/m,
  );
  assert.doesNotMatch(ran.stderr, /Kafka|PostgreSQL|unexpected/);
});

test('an empty --input of --once fails with 1 and prints the requested document', async () => {
  const ran = await npmStart(['--once', '--input', '', '-o', 'json']);
  assert.equal(ran.exitCode, 1);
  assert.equal(ran.stderr, 'error: --input must not be empty\n');
  assert.equal(JSON.parse(ran.stdout).error, '--input must not be empty');
});

for (const [name, run] of [
  ['npm start', runStart],
  ['npm run down', runDown],
] as const) {
  test(`${name} -- --help shows the usage, examples and exit codes`, async () => {
    const ran = await runInContext((context) => run(['--help'], context));
    assert.equal(ran.exitCode, 0);
    assert.ok(ran.stdout.startsWith(`Usage: ${name} -- [options]\n`), ran.stdout);
    assert.match(ran.stdout, /^Examples:$[\s\S]*^Exit codes:$/m);
  });
}

test('the last -o counts, as for the options themselves', () => {
  const args = ['--once', '-o', 'table', '-o', 'json'];
  assert.ok(renderFailedOnce(args, 'x', at)?.startsWith('{'));
});
