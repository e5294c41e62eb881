import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Verdict } from '#contract/verdict.ts';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { VerdictPublisher } from './publish.ts';

const ok = { ok: true, reason: 'Connected', message: 'fine' };

function verdictOf(exact: boolean): Verdict {
  const at = '2026-01-01T00:00:00Z';
  return { at, exact, reason: 'Seen', message: '', kafka: ok, store: ok, durability: ok, halts: [], drained: false };
}

/** Starts a fake API server. It refuses the first `refusals` patches and accepts the others. */
async function startApiServer(refusals = 0) {
  const folder = await createTemporaryFolder();
  await writeFile(join(folder.path, 'token'), 'token');
  await writeFile(join(folder.path, 'ca.crt'), '');
  const patches: string[] = [];
  let data: Record<string, string> = {};
  let seen = 0;
  let looks = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.method === 'GET') looks += 1;
    const isTaken = request.method === 'GET' || seen++ >= refusals;
    if (isTaken && request.method === 'PATCH') {
      patches.push(body);
      Object.assign(data, JSON.parse(body).data);
    }
    response.writeHead(isTaken ? 200 : 503).end(JSON.stringify({ data }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: folder.path,
    looks: () => looks,
    /** Empties the ConfigMap, as the operator does after the ConfigMap was deleted. */
    makeAnew: () => {
      data = {};
    },
    /** Returns the value of `exact` in each patch. */
    said: () => patches.map((body) => /\\"exact\\":(\w+)/.exec(body)?.[1]),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('a verdict that is published', () => {
  const options = { namespace: 'shop', configMap: 'orders-proof', podName: 'pod' };

  test('is written after refusals, and a newer verdict replaces one that waits', async () => {
    await using api = await startApiServer(1);
    const publisher = new VerdictPublisher({
      ...options,
      server: api.url,
      credentials: api.credentials,
      logger: silentLogger,
    });
    publisher.publish(verdictOf(true));
    publisher.publish(verdictOf(false));
    await until('it is written', () => api.said().length > 0);
    assert.deepEqual(api.said(), ['false']);
    await publisher.close();
  });

  test('is written again when it was deleted, and not otherwise', async () => {
    await using api = await startApiServer();
    const publisher = new VerdictPublisher({
      ...options,
      server: api.url,
      credentials: api.credentials,
      logger: silentLogger,
      lookEveryMs: 20,
    });
    publisher.publish(verdictOf(true));
    await until('it is written', () => api.said().length === 1);
    const looks = api.looks();
    await until('some looks', () => api.looks() > looks + 2);
    assert.deepEqual(api.said(), ['true']);
    api.makeAnew();
    await until('it is written again', () => api.said().length === 2);
    assert.deepEqual(api.said(), ['true', 'true']);
    await publisher.close();
  });

  test('is written even if it arrives in the turn of the event loop in which the last write ends', async () => {
    await using api = await startApiServer();
    let isFirst = true;
    // Publish between the end of the loop and the end of its promise: a call at that moment must not be lost.
    const logger = Object.assign(Object.create(silentLogger), {
      info: () => {
        if (isFirst) queueMicrotask(() => publisher.publish(verdictOf(false)));
        isFirst = false;
      },
    });
    const publisher = new VerdictPublisher({ ...options, server: api.url, credentials: api.credentials, logger });
    publisher.publish(verdictOf(true));
    await until('both are written', () => api.said().length === 2);
    assert.deepEqual(api.said(), ['true', 'false']);
    await publisher.close();
  });
});
