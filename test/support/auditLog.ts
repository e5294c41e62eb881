import { Kafka, type KafkaConfig, type KafkaMessage } from 'kafkajs';
import { plainClient } from './logSettings.ts';

/**
 * Reads every record of a topic, by partition, with a plain kafkajs consumer that shares no code with the port. The
 * broker must run. `broker` is the address of a plaintext listener, or other connection settings.
 */
export async function auditLog(broker: string | KafkaConfig, topic: string): Promise<Map<number, KafkaMessage[]>> {
  const client = typeof broker === 'string' ? plainClient(broker) : new Kafka(broker);
  const admin = client.admin();
  const consumer = client.consumer({ groupId: `audit-${topic}-${process.hrtime.bigint()}`, maxWaitTimeInMs: 100 });
  const log = new Map<number, KafkaMessage[]>();
  try {
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(topic);
    for (const { partition } of ends) log.set(partition, []);
    const isComplete = () =>
      ends.every(({ partition, high }) => BigInt(log.get(partition)?.at(-1)?.offset ?? -1) + 1n >= BigInt(high));
    if (isComplete()) return log;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const done = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => done.reject(new Error(`topic ${topic} could not be read to its end in 30 s`)),
      30_000,
    );
    await consumer.run({
      autoCommit: false,
      async eachBatch({ batch }) {
        log.get(batch.partition)?.push(...batch.messages);
        if (isComplete()) done.resolve();
      },
    });
    await done.promise;
    clearTimeout(timer);
    return log;
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}
