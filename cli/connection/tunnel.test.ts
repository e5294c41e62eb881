import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { forwardPort } from './tunnel.ts';

const port = Buffer.from([0x90, 0x1f]);
const [data, error] = [0, 1];

/** Starts a fake API server that accepts one port-forward. It speaks as much of WebSocket as the test needs. */
async function startFakeApiServer() {
  const server = createServer();
  const upgraded = Promise.withResolvers<Duplex>();
  server.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
        'Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n',
    );
    upgraded.resolve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const credentials = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    proxy: undefined,
    tls: { rejectUnauthorized: true },
    headers: {},
  };
  return {
    cluster: { credentials: async () => credentials },
    upgraded: upgraded.promise,
    async [Symbol.asyncDispose]() {
      (await upgraded.promise).destroy();
      server.close();
    },
  };
}

/** A binary message from the server: short, so its length is one byte. */
function message(channel: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const payload = Buffer.concat([Buffer.of(channel), ...parts.map((part) => Buffer.from(part))]);
  return Buffer.concat([Buffer.of(0x82, payload.length), payload]);
}

/** Reads one short message of a client: it is masked. */
async function readMessage(socket: Duplex): Promise<Buffer> {
  const [frame] = (await once(socket, 'data')) as [Buffer];
  const length = (frame[1] ?? 0) & 0x7f;
  const mask = frame.subarray(2, 6);
  return Buffer.from(frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}

async function open() {
  const api = await startFakeApiServer();
  const target = { namespace: 'shop', pod: 'p1', port: 8080, signal: new AbortController().signal };
  const tunnel = await forwardPort({ cluster: api.cluster, ...target });
  return { tunnel, socket: await api.upgraded, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

test('a tunnel sends the writes of one turn as one message of channel 0', async () => {
  await using opened = await open();
  opened.tunnel.write('GET ');
  opened.tunnel.write('/');
  assert.deepEqual(await readMessage(opened.socket), Buffer.concat([Buffer.of(data), Buffer.from('GET /')]));
});

test('a tunnel returns the bytes of the pod without the port number, also if both are in one message', async () => {
  for (const first of [[message(data, port), message(data, 'abc')], [message(data, port, 'abc')]]) {
    await using opened = await open();
    for (const bytes of [...first, message(data, 'def')]) opened.socket.write(bytes);
    let text = '';
    for await (const bytes of opened.tunnel) {
      text += bytes;
      if (text.length >= 6) break;
    }
    assert.equal(text, 'abcdef');
  }
});

test('what the kubelet reports is the error of the tunnel, and the connection is closed', async () => {
  await using opened = await open();
  const failed = once(opened.tunnel, 'error');
  const closed = readMessage(opened.socket);
  opened.socket.write(message(error, port));
  opened.socket.write(message(error, 'dial tcp 127.0.0.1:8080: connect: connection refused\n'));
  assert.match(String((await failed)[0]), /connection refused$/);
  assert.equal((await closed).length, 0, 'a close frame without a code');
});

test('a tunnel ends when the API server ends the connection', async () => {
  await using opened = await open();
  opened.tunnel.resume();
  const ended = once(opened.tunnel, 'end');
  opened.socket.end();
  await ended;
});
