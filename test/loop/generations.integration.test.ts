import { test } from 'node:test';
import { Kafka } from 'kafkajs';
import { waitFor } from '#lab/process/wait.ts';
import { sharedKafka, uniqueName } from '#tools/testing/servers.ts';
import { followGenerations } from './generations.ts';

test('a member that joins raises the generation of its group', async () => {
  const server = await sharedKafka();
  const { bootstrapServers, caPem: kafkaCaPem, username: kafkaUsername, password: kafkaPassword } = server;
  const parts = { bootstrapServers, kafkaCaPem, kafkaUsername, kafkaPassword, storeUri: '', storeCaPem: '' };
  const kafka = new Kafka({ ...server.clientConfig(), logLevel: 0 });
  const topic = uniqueName('generations');
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: false });
  const join = async () => {
    const consumer = kafka.consumer({ groupId: topic, sessionTimeout: 6_000, heartbeatInterval: 300 });
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: async () => {} });
    return consumer;
  };
  // Start before the first group exists, and so before the coordinator's topic exists.
  await using generations = await followGenerations(parts);
  const first = await join();
  const seen = await waitFor({ what: 'the first generation', timeoutMs: 60_000, intervalMs: 250 }, async () =>
    generations.of(topic),
  );
  const second = await join();
  await waitFor({ what: 'the next generation', timeoutMs: 60_000, intervalMs: 250 }, async () => {
    const now = generations.of(topic);
    return now !== undefined && now > seen ? true : undefined;
  });
  await Promise.all([first.disconnect(), second.disconnect(), admin.disconnect()]);
});
