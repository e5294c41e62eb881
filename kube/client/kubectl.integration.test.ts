import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startApiServers } from '#kube/testing/apiServers.ts';
import { buildClusterRows } from '#kube/testing/clusterRows.ts';
import { createRowFolder, outcomeOf, type RowFolder, resolveRow, runOurs, sharedOf } from '#kube/testing/clusterRun.ts';
import { buildNamespaceRows } from '#kube/testing/rows/namespaces.ts';
import { buildConfig, type ClusterRow, type Outcome } from '#kube/testing/rows/row.ts';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { silentProgress } from '#lab/progress.ts';

const run = promisify(execFile);
const kubectl = join(await buildGoModule('kubernetes', { progress: silentProgress }), 'kubectl');
const servers = await startApiServers();
after(() => servers[Symbol.asyncDispose]());

/**
 * Shell command that gives kubectl its own /run. kubectl reads a ServiceAccount only from /run, and the test must not
 * write into /run of the machine.
 */
const inPod =
  'mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && ln -s "$POD" /run/secrets/kubernetes.io/serviceaccount && exec "$@"';

/** Runs kubectl with the files and flags of the row. Returns the text of its failure, or undefined. */
async function runKubectl(row: ClusterRow, folder: RowFolder, args: readonly string[]): Promise<string | undefined> {
  const { env, expand, path, pod } = folder;
  const flags = [
    ...(row.kubeconfig === undefined ? [] : ['--kubeconfig', expand(row.kubeconfig)]),
    ...(row.context === undefined ? [] : ['--context', row.context]),
  ];
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const command = ['unshare', ...asRoot, '--mount', 'sh', '-c', inPod, 'sh', kubectl, ...flags, ...args];
  const [program = '', ...rest] = row.pod === undefined ? [kubectl, ...flags, ...args] : command;
  try {
    const running = run(program, rest, { cwd: path, env: { ...env, POD: pod }, timeout: 20_000 });
    // Close standard input: otherwise kubectl would wait for a user name.
    running.child.stdin?.end();
    await running;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const withoutWords = ({ error, ...outcome }: Awaited<ReturnType<typeof outcomeOf>>) => ({
  ...outcome,
  fails: error !== undefined,
});
const expectationOf = (outcome: Outcome) => ({ ...sharedOf(outcome), fails: outcome.refused !== undefined });

describe('the way to a cluster is that of kubectl', () => {
  for (const row of buildClusterRows(servers)) {
    test(row.name, async () => {
      await using folder = await createRowFolder(row);
      const failure = await runKubectl(row, folder, ['get', '--raw', '/version']);
      const theirs = await outcomeOf(folder, servers, failure);
      const ours = await runOurs(row, folder, servers);
      const { expected, kubectl = expected } = row;
      assert.deepEqual(
        { kubectl: withoutWords(theirs), ours: withoutWords(ours) },
        { kubectl: expectationOf(kubectl), ours: expectationOf(expected) },
        `kubectl: ${theirs.error}\nours: ${ours.error}`,
      );
    });
  }
});

describe('the namespace is that of kubectl', () => {
  for (const { namespace, ...row } of buildNamespaceRows(servers)) {
    test(row.name, async () => {
      await using folder = await createRowFolder({ ...row, expected: {} });
      await runKubectl({ ...row, expected: {} }, folder, ['auth', 'can-i', '--list']);
      // kubectl sends protobuf, in which the length of a text comes before the text.
      const review = servers.take().requests.find(({ body }) => body !== undefined)?.body ?? 'no request';
      assert.ok(review.includes(`${String.fromCharCode(namespace.length)}${namespace}`), review);
      assert.equal(resolveRow({ ...row, expected: {} }, folder).namespace, namespace);
    });
  }
});

// sumctl runs in its own process, because Node reads the certificates of the machine only once.
test('both trust the certificate authorities of the machine if the kubeconfig names none', async () => {
  const row: ClusterRow = {
    name: 'machine',
    files: { '.kube/config': buildConfig({ cluster: { server: servers.urls.a } }), 'ca.crt': servers.ca.certPem },
    env: { SSL_CERT_FILE: '~/ca.crt' },
    expected: {},
  };
  await using folder = await createRowFolder(row);
  const authorizations = () => servers.take().requests.map(({ server, authorization }) => `${server} ${authorization}`);
  assert.equal(await runKubectl(row, folder, ['get', '--raw', '/version']), undefined);
  assert.deepEqual(authorizations(), ['a Bearer mine']);
  const sumctl = join(import.meta.dirname, '..', '..', 'cli', 'sumctl.ts');
  // The response of this server is not a list of pipelines, so sumctl ends with an error after its request.
  await run(process.execPath, [sumctl, 'total'], { env: { ...folder.env }, timeout: 20_000 }).catch(() => {});
  assert.deepEqual(authorizations(), ['a Bearer mine']);
});
