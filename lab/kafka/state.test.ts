import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { findFreePort } from '#lab/process/ports.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { chooseNodes, readState, writeState } from './state.ts';

const loopback = '127.0.0.1';
const none = { host: loopback, loopback, kept: undefined, count: undefined, ports: undefined };

test('a new cluster has one node, and all ports differ', async () => {
  assert.equal((await chooseNodes(none)).length, 1);
  const three = await chooseNodes({ ...none, count: 3 });
  assert.deepEqual(
    three.map(({ id }) => id),
    [1, 2, 3],
  );
  const ports = three.flatMap((node) => [node.securePort, node.plaintextPort, node.controllerPort]);
  assert.equal(new Set(ports).size, 9);
});

test('a kept cluster gets its ports again, except a port that another process uses', async () => {
  const kept = await chooseNodes(none);
  assert.deepEqual(await chooseNodes({ ...none, kept }), kept);
  const server = createServer().listen(kept[0]?.plaintextPort, loopback);
  await once(server, 'listening');
  const [now] = await chooseNodes({ ...none, kept });
  server.close();
  assert.equal(now?.securePort, kept[0]?.securePort);
  assert.notEqual(now?.plaintextPort, kept[0]?.plaintextPort);
});

test('requested ports take precedence over kept ports', async () => {
  const kept = await chooseNodes(none);
  const port = await findFreePort(loopback);
  assert.equal((await chooseNodes({ ...none, kept, ports: [port] }))[0]?.securePort, port);
});

test('another number of nodes than the cluster was formatted for is refused', async () => {
  const kept = await chooseNodes(none);
  await assert.rejects(chooseNodes({ ...none, kept, count: 3 }), {
    message: 'this Kafka was formatted for 1 node, not 3: use another folder',
  });
});

test('three nodes need three ports', async () => {
  await assert.rejects(chooseNodes({ ...none, count: 3, ports: [9092] }), {
    message: '3 nodes of Kafka need 3 ports, but got 1',
  });
});

test('a written state can be read, and without a state there is no cluster', async () => {
  await using folder = await createTemporaryFolder();
  assert.equal(await readState(folder.path), undefined);
  const state = { clusterId: 'id', password: 'secret', nodes: await chooseNodes(none) };
  await writeState(folder.path, state);
  assert.deepEqual(await readState(folder.path), state);
});
