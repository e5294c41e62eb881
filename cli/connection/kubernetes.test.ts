import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { TryAgain } from '#cli/api/failure.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import { runSumctl } from '#cli/testing/context.ts';
import { type FakePod, startFakeApiServer } from '#cli/testing/fakeApiServer.ts';
import { startFakeGrpc } from '#cli/testing/fakeGrpc.ts';
import { startFakeService } from '#cli/testing/fakeService.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { type Cluster, loadCluster } from './cluster.ts';
import { createPodDialler } from './pods.ts';
import { forwardPort } from './tunnel.ts';

const orders = { metadata: { name: 'orders', namespace: 'shop' } };
const billing = { metadata: { name: 'billing', namespace: 'shop' } };

async function startCalculator() {
  let offset = 0;
  return await startFakeGrpc(() => ({ offset: offset++ }));
}

test('add reaches a ready pod of the only pipeline through the API server', async () => {
  await using calculator = await startCalculator();
  const pods: FakePod[] = [
    { name: 'p0', ready: false, url: undefined },
    { name: 'p1', ready: true, url: calculator.url },
  ];
  await using api = await startFakeApiServer({ pipelines: [orders], pods });
  const ran = await runSumctl(['add', '1', '2', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(api.forwarded, ['p1']);
  assert.deepEqual(api.asked, [
    'GET /apis/sumpipeline.dev/v1alpha1/namespaces/shop/sumpipelines',
    'GET /api/v1/namespaces/shop/pods?labelSelector=sumpipeline.dev/namespace=shop,sumpipeline.dev/name=orders,sumpipeline.dev/component=calculator',
  ]);
});

test('an import goes on over another pod when the one it talks to dies, and no row is sent under another id', async () => {
  const rows = 3000;
  const ids = new Map<string, string>();
  const pods: FakePod[] = [];
  let seen = 0;
  await using calculator = await startFakeGrpc(({ requestId, a }) => {
    seen += 1;
    if (seen === 1000) api.kill('p1');
    const earlier = ids.get(a);
    assert.ok(earlier === undefined || earlier === requestId, `row ${a} came under two ids`);
    ids.set(a, requestId);
    return { offset: seen };
  });
  pods.push({ name: 'p1', ready: true, url: calculator.url });
  await using api = await startFakeApiServer({ pipelines: [orders], pods });
  setTimeout(() => pods.push({ name: 'p2', ready: true, url: calculator.url }), 20).unref();
  const text = Array.from({ length: rows }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': text });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--kubeconfig', api.kubeconfig, '-o', 'json']);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const summary = JSON.parse(ran.stdout);
  assert.deepEqual([summary.rows, summary.accepted, summary.rejected], [rows, rows, 0]);
  assert.equal(ids.size, rows);
  assert.ok(api.forwarded.includes('p1') && api.forwarded.includes('p2'));
});

test('rows share messages of the tunnel', async () => {
  await using calculator = await startCalculator();
  await using api = await startFakeApiServer({
    pipelines: [orders],
    pods: [{ name: 'p1', ready: true, url: calculator.url }],
  });
  const text = Array.from({ length: 2000 }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': text });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.ok(api.messages() < 1000, `${api.messages()} messages for 2000 rows`);
  assert.ok(api.forwarded.length <= 2, `${api.forwarded.length} connections`);
});

test('without a ready pod it waits, then says which pod and why', async () => {
  const pods: FakePod[] = [{ name: 'p0', ready: false, url: undefined }];
  await using api = await startFakeApiServer({ pipelines: [orders], pods });
  const ran = await runSumctl(['add', '1', '2', '--kubeconfig', api.kubeconfig, '--retry-for', '300ms']);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /nothing was written: .*no calculator of shop\/orders is ready \(0 of 1; p0: Running\)/);
});

test('a pod that refuses the connection is tried again, not fatal', async () => {
  await using calculator = await startCalculator();
  const pods: FakePod[] = [
    { name: 'p0', ready: true, url: undefined },
    { name: 'p1', ready: true, url: calculator.url },
  ];
  await using api = await startFakeApiServer({ pipelines: [orders], pods });
  const ran = await runSumctl(['add', '1', '2', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(api.forwarded, ['p0', 'p1']);
  assert.match(ran.stderr, /waiting: .*connection refused/);
});

test('reads go on over another pod as well', async () => {
  const total = { series: 'x', total: '1', count: '1' };
  await using aggregator = await startFakeService(() => ({ status: 200, json: { total } }));
  const pods: FakePod[] = [
    { name: 'p0', ready: true, url: undefined },
    { name: 'p1', ready: true, url: aggregator.url },
  ];
  await using api = await startFakeApiServer({ pipelines: [orders], pods });
  const ran = await runSumctl(['total', 'x', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(api.forwarded, ['p0', 'p1']);
});

test('two pipelines in the namespace: usage error with their names, and nothing is sent', async () => {
  await using api = await startFakeApiServer({ pipelines: [orders, billing], pods: [] });
  const ran = await runSumctl(['total', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 2);
  assert.match(
    ran.stderr,
    /namespace "shop" has 2 SumPipelines: say which one\nAdd --pipeline with one of: orders, billing/,
  );
});

test('no pipeline in the namespace says where to look', async () => {
  await using api = await startFakeApiServer({ pipelines: [], pods: [] });
  const ran = await runSumctl(['total', '-n', 'other', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /no SumPipeline in namespace "other"\nLook in all namespaces: kubectl get sumpipelines -A/);
});

test('for a pipeline that does not exist the hint names those that exist', async () => {
  await using api = await startFakeApiServer({ pipelines: [orders], pods: [] });
  const ran = await runSumctl(['total', '-p', 'order', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /no SumPipeline "order" in namespace "shop"\nThe namespace has: orders/);
});

for (const [code, reason, message] of [
  [404, 'NotFound', /does not know SumPipelines\nInstall the operator first/],
  [403, 'Forbidden', /not permitted: you may not\nAsk for the rights to get and list sumpipelines/],
] as const) {
  test(`${code} for the list of pipelines says what to do`, async () => {
    const refuse = () => ({ code, reason, message: 'you may not' });
    await using api = await startFakeApiServer({ pipelines: [], pods: [], refuse });
    const ran = await runSumctl(['status', '--kubeconfig', api.kubeconfig]);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, message);
  });
}

test('401 says to log in', async () => {
  const refuse = () => ({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  await using api = await startFakeApiServer({ pipelines: [], pods: [], refuse });
  const ran = await runSumctl(['total', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /refused the credentials/);
});

test('the right to list pods is asked for by its name', async () => {
  const refuse = (path: string) =>
    path.includes('/pods') ? { code: 403, reason: 'Forbidden', message: 'pods is forbidden' } : undefined;
  await using api = await startFakeApiServer({ pipelines: [orders], pods: [], refuse });
  const ran = await runSumctl(['add', '1', '2', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /ask for list on pods and create on pods\/portforward in namespace "shop"/);
});

test('for a context that the kubeconfig lacks the error names those it has', async () => {
  await using api = await startFakeApiServer({ pipelines: [orders], pods: [] });
  const ran = await runSumctl(['total', '--context', 'prod', '--kubeconfig', api.kubeconfig]);
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /no context "prod"\nThe kubeconfig has: fake/);
});

/** Runs sumctl with this kubeconfig as the only one, or without any kubeconfig. */
async function runWith(kubeconfig: object | undefined, ...args: string[]) {
  await using folder = await createTemporaryFolder(
    kubeconfig === undefined ? {} : { kubeconfig: stringify(kubeconfig) },
  );
  const before = process.env;
  process.env = { ...before, HOME: folder.path, KUBECONFIG: kubeconfig === undefined ? '' : folder.file('kubeconfig') };
  try {
    return await runSumctl(args);
  } finally {
    process.env = before;
  }
}

const context = (name: string, cluster: string) => ({ name, context: { cluster, user: 'u' } });
const users = [{ name: 'u', user: {} }];

test('for a context whose cluster the kubeconfig lacks the error names the cluster', async () => {
  const clusters = [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }];
  const kubeconfig = { clusters, users, contexts: [context('a', 'a'), context('d', 'gone')], 'current-context': 'a' };
  const ran = await runWith(kubeconfig, 'total', '--context', 'd');
  assert.equal(ran.exitCode, 2);
  assert.match(
    ran.stderr,
    /^error: the context "d" names the cluster "gone", which is not in the kubeconfig\nThe kubeconfig has: a\n$/,
  );
});

test('for a current context that the kubeconfig lacks the error names those it has', async () => {
  const clusters = [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }];
  const ran = await runWith({ clusters, users, contexts: [context('a', 'a')], 'current-context': 'old' }, 'total');
  assert.equal(ran.exitCode, 2);
  assert.match(
    ran.stderr,
    /^error: the kubeconfig has no context "old", but its current-context is "old"\nThe kubeconfig has: a\n$/,
  );
});

test('a kubeconfig without a current context asks for one', async () => {
  const ran = await runWith({ clusters: [], users, contexts: [] }, 'total');
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /the kubeconfig has no current context\nChoose one with --context/);
});

test('a kubeconfig whose cluster is localhost:8080 is used like any other', async () => {
  const clusters = [{ name: 'a', cluster: { server: 'http://localhost:8080' } }];
  const ran = await runWith({ clusters, users, contexts: [context('a', 'a')], 'current-context': 'a' }, 'total');
  assert.doesNotMatch(ran.stderr, /there is no kubeconfig/);
});

for (const [verb, args, hint] of [
  ['add', ['1', '2'], 'Set KUBECONFIG or --kubeconfig. To work without Kubernetes, use --calculator-url.'],
  ['total', [], 'Set KUBECONFIG or --kubeconfig. To work without Kubernetes, use --aggregator-url.'],
  ['verify', [], 'Set KUBECONFIG or --kubeconfig. To work without Kubernetes, use --aggregator-url.'],
] as const) {
  test(`${verb} without a kubeconfig is told only of options that it has`, async () => {
    const ran = await runWith(undefined, verb, ...args);
    assert.equal(ran.exitCode, 2);
    assert.equal(ran.stderr, `error: there is no kubeconfig, so no cluster is known\n${hint}\n`);
  });
}

test('reads without a response say where to look, with the names of the pipeline', async () => {
  await using api = await startFakeApiServer({ pipelines: [orders], pods: [] });
  let at = 0;
  const ran = await runSumctl(['verify', '--kubeconfig', api.kubeconfig], { now: () => (at += 60_000) });
  assert.equal(ran.exitCode, 3);
  assert.match(
    ran.stderr,
    /the aggregator of shop\/orders does not respond: .*\nCheck the pipeline: sumctl status -n shop -p orders, or kubectl get pods -n shop\.\n$/,
  );
});

test('an API server that does not answer is named with its context', async () => {
  const api = await startFakeApiServer({ pipelines: [orders], pods: [] });
  await using folder = await createTemporaryFolder();
  const kubeconfig = folder.file('kubeconfig');
  const { copyFile } = await import('node:fs/promises');
  await copyFile(api.kubeconfig, kubeconfig);
  await api[Symbol.asyncDispose]();
  const ran = await runSumctl(['total', '--kubeconfig', kubeconfig]);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /cannot reach the API server http:.*ECONNREFUSED.*\nThe context is "fake"/);
});

/** Returns the error of sumctl for a cluster that does not respond, or for a kubeconfig that sumctl refuses. */
async function failWith(kubeconfig: object, load: { context?: string; env?: Record<string, string> } = {}) {
  await using folder = await createTemporaryFolder({ "it's": stringify(kubeconfig) });
  const file = folder.file("it's");
  const { signal } = new AbortController();
  try {
    const cluster = loadCluster({ kubeconfig: file, context: load.context }, load.env ?? {});
    await cluster.credentials(signal);
    await cluster.request({ method: 'GET', path: '/x', signal });
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return { ...error, message: error.message, hint: error.hint?.replace(folder.path, '/folder') };
  }
  return assert.fail('no error');
}

const closed = [{ name: 'a', cluster: { server: 'http://127.0.0.1:1' } }];

test('the hint repeats --kubeconfig and the context, in words that a shell reads', async () => {
  const kubeconfig = { clusters: closed, users, contexts: [context('my ctx', 'a')], 'current-context': 'my ctx' };
  const { hint } = await failWith(kubeconfig);
  assert.equal(
    hint,
    `The context is "my ctx". Try: kubectl --kubeconfig '/folder/it'\\''s' --context 'my ctx' version`,
  );
});

test('the hint leaves out an empty context', async () => {
  const { hint } = await failWith({}, { env: { KUBERNETES_MASTER: 'http://127.0.0.1:1' } });
  assert.equal(hint, `Try: kubectl --kubeconfig '/folder/it'\\''s' version`);
});

test('credentials of a tunnel that cannot be used are named with their context', async () => {
  const clusters = [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }];
  const broken = [{ name: 'u', user: { tokenFile: '/absent' } }];
  const failure = await failWith({ clusters, users: broken, contexts: [context('a', 'a')], 'current-context': 'a' });
  assert.equal(failure.exitCode, 3);
  assert.match(failure.message, /^the credentials of the context "a" cannot be used: ENOENT/);
  assert.match(failure.hint ?? '', /^Try: kubectl --kubeconfig \S+ --context a version$/);
});

test('an abort ends the wait for the credentials of a tunnel', async () => {
  const apiVersion = 'client.authentication.k8s.io/v1';
  // The plugin ends by itself, so that a failing test ends too.
  const exec = { command: 'sleep', args: ['5'], apiVersion, interactiveMode: 'Never' };
  await using folder = await createTemporaryFolder({
    kubeconfig: stringify({
      clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: { exec } }],
      contexts: [context('a', 'a')],
      'current-context': 'a',
    }),
  });
  const cluster = loadCluster({ kubeconfig: folder.file('kubeconfig') }, { PATH: process.env['PATH'] });
  const reason = new Error('enough');
  const giveUp = new AbortController();
  setTimeout(() => giveUp.abort(reason), 100);
  const opening = forwardPort({
    cluster,
    namespace: 'shop',
    pod: 'p1',
    port: 8080,
    signal: giveUp.signal,
  });
  await assert.rejects(opening, reason);
});

test('credentials that cannot be used are no fault of the pod, whatever their error says', async () => {
  const message = 'the credentials of the context "a" cannot be used: the plugin got 403';
  const cluster: Cluster = {
    context: 'a',
    namespace: 'shop',
    credentials: async () => {
      throw new CliError(exitCodes.unreachable, message);
    },
    request: async () => ({
      items: [
        { metadata: { name: 'p1' }, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
      ],
    }),
    lines: () => assert.fail('not asked for'),
  };
  const ref = { namespace: 'shop', name: 'orders' };
  const { signal } = new AbortController();
  const dial = createPodDialler({ cluster, ref, component: 'calculator', port: 8080, signal });
  await assert.rejects(dial(), (error) => error instanceof TryAgain && error.message === message);
});

test('an environment that cannot be used is a usage error', async () => {
  const kubeconfig = { clusters: closed, users, contexts: [context('a', 'a')], 'current-context': 'a' };
  const server = { ...kubeconfig, clusters: [{ name: 'a', cluster: { server: 'http://kube.test' } }] };
  const failure = await failWith(server, { env: { HTTP_PROXY: 'http://127.0.0.1:1', REQUEST_METHOD: 'GET' } });
  assert.equal(failure.exitCode, 2);
  assert.match(failure.message, /^HTTP_PROXY is not used where REQUEST_METHOD is set/);
});

test('an empty file of --kubeconfig is told to have no cluster', async () => {
  const failure = await failWith({});
  assert.equal(failure.exitCode, 2);
  assert.match(failure.message, /^there is no cluster in the kubeconfig \/.*it's$/);
  assert.equal(failure.hint, 'Name another file with --kubeconfig.');
});
