import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog, plainClient, plainLogSettings } from '#test/support/logSettings.ts';
import { type SharedKafka, sharedKafka, uniqueName } from '#tools/testing/servers.ts';
import { LogReplacedError, LogUnavailableError } from './port.ts';
import { openTopicIdentity } from './topicIdentity.ts';

let kafka: SharedKafka;
let admin: ReturnType<ReturnType<typeof plainClient>['admin']>;

before(async () => {
  kafka = await sharedKafka();
  admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
});
after(() => admin?.disconnect());

async function openFor(topic: string) {
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  return { settings, identity: await openTopicIdentity(settings) };
}

test('a topic keeps its id, and a re-created topic with the same name has another id', async () => {
  const topic = uniqueName('log');
  const { settings, identity } = await openFor(topic);
  try {
    await createLog(settings, 3);
    const id = await identity.read();
    assert.match(id, /^[0-9a-f-]{36}$/i);
    for (const partition of [0, 1, 2]) await identity.confirm(partition, id);
    await admin.deleteTopics({ topics: [topic] });
    await assert.rejects(identity.confirm(1, id), (error: unknown) => {
      assert.ok(error instanceof LogUnavailableError, String(error));
      return true;
    });
    await createLog(settings, 3);
    await assert.rejects(identity.confirm(1, id), (error: unknown) => {
      assert.ok(error instanceof LogReplacedError, String(error));
      assert.match(error.message, new RegExp(`topic ${topic} now has id .* the ledger counts id ${id}`));
      return true;
    });
  } finally {
    identity.close();
  }
});

test('many partitions share a request, and each gets a response that is newer than its call', async () => {
  const topic = uniqueName('log');
  const { settings, identity } = await openFor(topic);
  try {
    await createLog(settings, 12);
    const id = await identity.read();
    await Promise.all(Array.from({ length: 120 }, (_, index) => identity.confirm(index % 12, id)));
  } finally {
    identity.close();
  }
});

test('a topic that is missing is named', async () => {
  const { identity } = await openFor(uniqueName('absent'));
  try {
    await assert.rejects(identity.read(), (error: unknown) => {
      assert.ok(error instanceof LogUnavailableError);
      assert.equal(error.reason, 'TopicMissing');
      return true;
    });
  } finally {
    identity.close();
  }
});
