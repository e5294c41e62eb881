import { Kafka, logLevel } from 'kafkajs';

/** What stands in a topic, read past our own port by a plain consumer: the id of every record, by position. */
export interface TopicContent {
  idAt(partition: number, offset: bigint): string | undefined;
  ids(): Iterable<string>;
}

/** Reads the whole topic once, up to the ends it has now. */
export async function createKafkaTopicReader(bootstrapServers: string, topic: string): Promise<TopicContent> {
  const kafka = new Kafka({ brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const waiting = new Map(
    ends.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, BigInt(high)]),
  );
  const found = new Map<string, string>();
  const consumer = kafka.consumer({ groupId: `reader-${topic}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const done = Promise.withResolvers<void>();
  if (waiting.size === 0) done.resolve();
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const hex = message.key?.toString('hex') ?? '';
      found.set(`${partition}:${message.offset}`, hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
      if (BigInt(message.offset) + 1n >= (waiting.get(partition) ?? 0n)) waiting.delete(partition);
      if (waiting.size === 0) done.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
  return { idAt: (partition, offset) => found.get(`${partition}:${offset}`), ids: () => found.values() };
}
