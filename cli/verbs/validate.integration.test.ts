import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { runSumctl } from '#cli/testing/context.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { untilEstablished } from '#lab/crds/established.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const sample = join(root, 'manifests', 'samples', 'pipeline.yaml');
const sampleText = await readFile(sample, 'utf8');

let server: ApiServer;
before(async () => {
  server = await startApiServer();
});
after(() => server?.stop());

const kubectl = (...args: string[]) => run(server.kubectlPath, ['--kubeconfig', server.kubeconfigPath, ...args]);
const validate = (text: string, ...args: string[]) =>
  runSumctl(['validate', '-f', '-', '--kubeconfig', server.kubeconfigPath, '-o', 'json', ...args], { stdin: text });

async function serverCheck(text: string) {
  const ran = await validate(text);
  return { exitCode: ran.exitCode, ...JSON.parse(ran.stdout).documents[0].server };
}

test('a cluster without the CRD is reported as not knowing SumPipelines; the schema alone decides', async () => {
  const { exitCode, ran, note } = await serverCheck(sampleText);
  assert.deepEqual([exitCode, ran], [0, false]);
  assert.match(note, /does not know SumPipelines: install the operator's CRD first/);
  const reading = await runSumctl(['total', '--kubeconfig', server.kubeconfigPath]);
  assert.match(reading.stderr, /this cluster does not know SumPipelines/);
});

test('with the CRD the server checks a new pipeline, and nothing is created', async () => {
  await kubectl('apply', '-k', join(root, 'crds'));
  await untilEstablished((args) => kubectl(...args), ['crd/sumpipelines.sumpipeline.dev']);
  const { exitCode, ran, problems } = await serverCheck(sampleText);
  assert.deepEqual([exitCode, ran, problems], [0, true, []]);
  const { stdout } = await kubectl('get', 'sumpipelines', '-A', '-o', 'name');
  assert.equal(stdout, '');
});

test('the server reports a namespace that does not exist', async () => {
  const { exitCode, ran, problems } = await serverCheck(sampleText.replace('namespace: default', 'namespace: nowhere'));
  assert.deepEqual([exitCode, ran], [1, true]);
  assert.match(problems[0].message, /namespaces "nowhere" not found/);
});

test('schema and server both name an unknown field', async () => {
  const ran = await validate(sampleText.replace('partitions: 6', 'partitions: 6\n      partition: 6'));
  const [{ schema, server: asked }] = JSON.parse(ran.stdout).documents;
  assert.equal(ran.exitCode, 1);
  assert.equal(schema.problems[0].path, 'spec.kafka.topic.partition');
  assert.match(asked.problems[0].message, /unknown field "spec.kafka.topic.partition"/);
});

test('for an existing pipeline the server refuses immutable changes, and a removed field is removed', async () => {
  await run(server.kubectlPath, ['--kubeconfig', server.kubeconfigPath, 'apply', '-f', sample]);
  const smaller = await serverCheck(sampleText.replace('partitions: 6', 'partitions: 4'));
  assert.deepEqual([smaller.exitCode, smaller.ran], [1, true]);
  assert.equal(smaller.problems[0].path, 'spec.kafka.topic.partitions');
  assert.match(smaller.problems[0].message, /can only grow/);
  // If the file were merged into the object instead of replacing it, the old field would stay, and the server would
  // check another object than the file.
  const without = await serverCheck(sampleText.replace(/ {2}aggregator:\n {4}replicas: 2\n/, ''));
  assert.deepEqual([without.exitCode, without.problems], [0, []]);
});

test('without the permission to read, the server is not used, and the note says so', async () => {
  const kubeconfig = await server.kubeconfigFor({ user: 'guest' });
  const { writeFile } = await import('node:fs/promises');
  const { createTemporaryFolder } = await import('#tools/testing/folder.ts');
  await using folder = await createTemporaryFolder();
  await writeFile(folder.file('kubeconfig'), kubeconfig);
  const ran = await runSumctl(['validate', '-f', sample, '--kubeconfig', folder.file('kubeconfig')]);
  assert.equal(ran.exitCode, 0);
  assert.match(ran.stdout, / {2}server {2}not checked \(.*User "guest" cannot get resource "sumpipelines"/);
  const reading = await runSumctl(['status', '--kubeconfig', folder.file('kubeconfig')]);
  assert.equal(reading.exitCode, 1);
  assert.match(
    reading.stderr,
    /not permitted: .*\nAsk for the rights to get and list sumpipelines in namespace "default"/,
  );
});

test('status reports that no operator has reconciled the pipeline', async () => {
  const ran = await runSumctl(['status', '--kubeconfig', server.kubeconfigPath]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stdout, /^Pipeline: +default\/orders$/m);
  assert.match(ran.stdout, /No conditions yet: the operator has not reconciled this resource/);
  assert.match(
    ran.stdout,
    /^Exact: +unknown: the aggregator of default\/orders does not respond: .*there are no pods/m,
  );
});
