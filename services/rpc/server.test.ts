import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { silentLogger } from '#platform/log.ts';
import { echo, startEdge } from '#test/support/edge.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import { startRpcServer } from './server.ts';

test('closing finishes requests in flight and refuses new ones', async () => {
  const edge = await startEdge();
  const gate = Promise.withResolvers<void>();
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  edge.handle = async (message) => {
    begun[calls++]?.resolve();
    await gate.promise;
    return echo(message);
  };
  const url = `http://127.0.0.1:${edge.server.httpPort}/v1/additions`;
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  const http = fetch(url, { method: 'POST', body: '{"a":"1","b":"2"}' });
  const grpc = client.call('add', { a: '1' });
  await Promise.all(begun.map(({ promise }) => promise));
  const closed = edge.server.close(5_000);
  gate.resolve();
  assert.equal((await http).status, 200);
  assert.ok((await grpc).ok);
  await closed;
  await assert.rejects(fetch(url, { method: 'POST', body: '{}' }));
});

test('a request that comes while it closes, on a connection that was open before, is answered', async () => {
  const edge = await startEdge();
  edge.handle = echo;
  const socket = connect(edge.server.httpPort, '127.0.0.1');
  await once(socket, 'connect');
  // The server accepts connections in order. When this request has its response, it has accepted `socket` too.
  await fetch(`http://127.0.0.1:${edge.server.httpPort}/v1/additions`, { method: 'POST', body: '{"a":"1"}' });
  const closed = edge.server.close(5_000);
  socket.write('POST /v1/additions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
  assert.match(await text(socket), /^HTTP\/1.1 200 OK/);
  await closed;
});

test('closing aborts requests that do not end in time', async () => {
  const edge = await startEdge();
  const begun = Promise.withResolvers<void>();
  edge.handle = () => {
    begun.resolve();
    return new Promise(() => {});
  };
  const hanging = fetch(`http://127.0.0.1:${edge.server.httpPort}/v1/additions`, {
    method: 'POST',
    body: '{}',
    headers: { 'request-timeout-ms': '1000' },
  });
  const outcome = assert.rejects(hanging);
  await begun.promise;
  const startedAt = performance.now();
  await edge.server.close(100);
  await outcome;
  assert.ok(performance.now() - startedAt < 2_000);
});

test('a port that is in use is named', async () => {
  const { server, metrics } = await startEdge();
  const options = { address: '127.0.0.1', httpPort: server.httpPort, grpcPort: 0, logger: silentLogger, metrics };
  await assert.rejects(
    startRpcServer({ service: Calculator, handlers: { add: echo }, routes: [], ...options }),
    new RegExp(`cannot listen for HTTP on 127.0.0.1:${server.httpPort}`),
  );
  await server.close(100);
});
