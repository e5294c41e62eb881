import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildProperties, type KafkaNode } from './settings.ts';

const nodes: KafkaNode[] = [1, 2, 3].map((id) => ({
  id,
  securePort: 9090 + id,
  plaintextPort: 9190 + id,
  controllerPort: 9290 + id,
}));

function propertiesOf(count: number): Map<string, string> {
  const [node] = nodes;
  assert.ok(node);
  const text = buildProperties({
    node,
    nodes: nodes.slice(0, count),
    host: '10.88.0.1',
    dataDir: '/data/node-1',
    keyStore: '/data/keystore.pem',
    trustStore: '/data/truststore.pem',
    adminName: 'admin',
  });
  const lines = text.trimEnd().split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

test('only the listener with TLS and a password listens beyond the machine', () => {
  assert.equal(
    propertiesOf(1).get('listeners'),
    'SASL_SSL://10.88.0.1:9091,PLAINTEXT://127.0.0.1:9191,CONTROLLER://127.0.0.1:9291',
  );
});

for (const [count, replicas, minInSync] of [
  [1, '1', '1'],
  [3, '3', '2'],
] as const) {
  test(`${count} of nodes: ${replicas} replicas, and ${minInSync} must have a record before it is acknowledged`, () => {
    const properties = propertiesOf(count);
    assert.equal(properties.get('default.replication.factor'), replicas);
    assert.equal(properties.get('min.insync.replicas'), minInSync);
    assert.equal(properties.get('offsets.topic.replication.factor'), replicas);
  });
}

test('three nodes know each other as voters', () => {
  assert.equal(propertiesOf(3).get('controller.quorum.voters'), '1@127.0.0.1:9291,2@127.0.0.1:9292,3@127.0.0.1:9293');
});

test('no topic is created automatically', () => {
  assert.equal(propertiesOf(1).get('auto.create.topics.enable'), 'false');
});
