import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { systemClock } from '#kube/clock.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { configMaps } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { createCa } from '#lab/certificates/pki.ts';
import { KubeClient } from './client.ts';
import { type CredentialSource, kubeconfigCredentials } from './credentials.ts';
import { isKubernetesError } from './errors.ts';
import { createTransport, type Transport, type TransportOptions } from './transport.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}`;
}

/** Starts a server with TLS, because a token is sent only over TLS. Returns its URL. */
async function serveTls(answer: RequestListener): Promise<string> {
  const { certPem, keyPem } = await (await createCa('test')).issue({ commonName: 'test', altNames: ['127.0.0.1'] });
  return `https://127.0.0.1:${await listen(createTlsServer({ cert: certPem, key: keyPem }, answer))}`;
}

async function listen(server: Server | ReturnType<typeof createTlsServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function connect(credentials: CredentialSource, options: Partial<TransportOptions> = {}) {
  const common = { clock: systemClock, metrics: createRecordingMetrics(), userAgent: 'test/1' };
  const transport: Transport = createTransport({ ...common, credentials, ...options });
  cleanups.push(() => transport.close());
  return { transport, client: new KubeClient(transport) };
}

const plainly = (server: string): CredentialSource => ({
  load: async () => ({ server, tls: { rejectUnauthorized: true }, headers: {} }),
});

async function kubeconfigFolder(server: string, user: object, cluster: object = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
    'current-context': 'x',
  };
  await writeFile(join(folder, 'config'), JSON.stringify(config));
  return folder;
}

test("a kubeconfig's token file is read again when it rotates: after a 401 at once, otherwise within ten seconds", async () => {
  let valid = 'Bearer first';
  const seen: string[] = [];
  const server = await serveTls((request, response) => {
    seen.push(`${request.headers.authorization}`);
    const isValid = request.headers.authorization === valid;
    response.writeHead(isValid ? 200 : 401).end(JSON.stringify({ metadata: { name: 'a' } }));
  });
  const folder = await kubeconfigFolder(server, { tokenFile: 'token' });
  await writeFile(join(folder, 'token'), 'first\n');
  const clock = new FakeClock();
  const credentials = kubeconfigCredentials({ file: join(folder, 'config'), env: {} });
  assert.equal(credentials.namespace, 'team');
  const { client } = connect(credentials, { clock });
  const ask = () => client.get(configMaps, { namespace: 'n', name: 'a' });
  await ask();
  await writeFile(join(folder, 'token'), 'second\n');
  valid = 'Bearer second';
  await ask();
  assert.deepEqual(seen, ['Bearer first', 'Bearer first', 'Bearer second']);
  await writeFile(join(folder, 'token'), 'third\n');
  await clock.advance(10_001);
  valid = 'Bearer third';
  await ask();
  assert.equal(seen.at(-1), 'Bearer third');
  assert.equal(seen.length, 4);
});

test('a token that stays wrong is forbidden after one repetition', async () => {
  let requests = 0;
  const server = await serve((_, response) => {
    requests += 1;
    response.writeHead(401).end('{"kind":"Status","reason":"Unauthorized","message":"Unauthorized","code":401}');
  });
  await assert.rejects(connect(plainly(server)).client.list(configMaps), (error) =>
    isKubernetesError(error, 'forbidden'),
  );
  assert.equal(requests, 2);
});

test('a response above the limit is refused and not kept in memory', async () => {
  const server = await serve((_, response) => response.end('x'.repeat(100_000)));
  const { client } = connect(plainly(server), { bodyBytesMax: 10_000 });
  await assert.rejects(client.list(configMaps), /larger than 10000 bytes/);
});

test('a success that is not JSON, and an error page of a proxy, are transient', async () => {
  for (const status of [200, 502]) {
    const server = await serve((_, response) => response.writeHead(status).end('<html>hello</html>'));
    await assert.rejects(connect(plainly(server)).client.list(configMaps), (error) =>
      isKubernetesError(error, 'transient'),
    );
  }
});

test('a credential plugin that hangs does not outlive the timeout of the call', async () => {
  const hanging: CredentialSource = { load: () => new Promise(() => {}) };
  const started = performance.now();
  await assert.rejects(connect(hanging).client.list(configMaps, { timeoutMs: 50 }), (error) =>
    isKubernetesError(error, 'transient'),
  );
  assert(performance.now() - started < 2000);
});

test('a watch yields events as they come, and fails as gone on a line that it cannot read', async () => {
  const lines = [
    '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}',
    '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}',
    '{"type":"ADDED","object":',
  ];
  const server = await serve((_, response) => response.end(lines.map((line) => `${line}\n`).join('')));
  const seen: string[] = [];
  const watch = connect(plainly(server)).client.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 10 });
  await assert.rejects(
    async () => {
      for await (const event of watch) seen.push(event.type);
    },
    (error) => isKubernetesError(error, 'gone'),
  );
  assert.deepEqual(seen, ['ADDED', 'BOOKMARK']);
});

test('an ERROR event is thrown as the error in it', async () => {
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (5)' };
  const server = await serve((_, response) => response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`));
  const watch = connect(plainly(server)).client.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 10 });
  await assert.rejects(watch.next(), /watch ConfigMap: too old resource version: 1 \(5\) \(410 Expired\)/);
});

test('leaving a watch closes its connection', async () => {
  let isClosed = false;
  const server = await serve((_, response) => {
    response.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n');
    response.on('close', () => {
      isClosed = true;
    });
  });
  const watch = connect(plainly(server)).client.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 10 });
  for await (const _ of watch) break;
  const deadline = performance.now() + 2000;
  while (!isClosed && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isClosed, true);
});

test('after a 401 the source is told that its credentials were refused, once', async () => {
  const told: boolean[] = [];
  const server = await serve((_, response) => response.writeHead(401).end());
  const { client } = connect({
    load: async (isRefused = false) => {
      told.push(isRefused);
      return { server, tls: { rejectUnauthorized: true }, headers: {} };
    },
  });
  await assert.rejects(client.list(configMaps));
  assert.deepEqual(told, [false, true]);
});

test('a late 401 with an old token leaves the newer credentials alone', async () => {
  let loads = 0;
  const late = Promise.withResolvers<void>();
  const server = await serve(async (request, response) => {
    if (request.headers.authorization !== 'Bearer 1') return response.end('{}');
    if (request.url?.endsWith('/late') === true) await late.promise;
    return response.writeHead(401).end();
  });
  const { transport } = connect({
    load: async () => {
      loads += 1;
      return { server, tls: { rejectUnauthorized: true }, headers: { authorization: `Bearer ${loads}` } };
    },
  });
  const ask = (path: string) => transport.request({ method: 'GET', path, context: { verb: 'get', kind: path } });
  const slow = ask('/late');
  await ask('/early');
  assert.equal(loads, 2);
  late.resolve();
  assert.equal((await slow).status, 200);
  assert.equal(loads, 2);
});

test('closing the transport stops a plugin that loads credentials', async () => {
  let isClosed = false;
  const hanging: CredentialSource = {
    load: () => new Promise(() => {}),
    close() {
      isClosed = true;
    },
  };
  await connect(hanging).transport.close();
  assert.ok(isClosed);
});

test('a text response is returned unchanged', async () => {
  const server = await serve((_, response) => response.end('ok'));
  const { transport } = connect(plainly(server));
  const context = { verb: 'get', kind: '/readyz' };
  const answer = await transport.request({ method: 'GET', path: '/readyz', isText: true, context });
  assert.equal(answer.body, 'ok');
});
