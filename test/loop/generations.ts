import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import { createKafkaClient } from '#lab/load/kafkaClient.ts';
import { waitFor } from '#lab/process/wait.ts';
import type { Parts } from '#lab/up/sample.ts';

/** The generation of each consumer group, from the coordinator's topic. */
export interface Generations extends AsyncDisposable {
  /** Returns the generation of a group. Undefined if no generation has been seen yet. */
  of(group: string): number | undefined;
}

/**
 * Follows the topic of the group coordinator, because no request of Kafka's protocol returns the generation of a
 * group. The coordinator writes a group's metadata there after each rebalance.
 */
export async function followGenerations(parts: Parts): Promise<Generations> {
  const kafka = createKafkaClient(parts);
  const generations = new Map<string, number>();
  const consumer = kafka.consumer({ groupId: `loop-${randomUUID()}`, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await makeCoordinatorLog(kafka);
  // A new topic has no leader at first.
  await waitFor({ what: "the coordinator's log", timeoutMs: 30_000, intervalMs: 250 }, async () => {
    await consumer.subscribe({ topic: coordinatorLog, fromBeginning: true });
    return true;
  });
  await consumer.run({
    autoCommit: false,
    async eachMessage({ message: { key, value } }) {
      const seen = key === null || value === null ? undefined : readGroupMetadata(key, value);
      if (seen !== undefined) generations.set(seen.group, seen.generation);
    },
  });
  return { of: (group) => generations.get(group), [Symbol.asyncDispose]: () => consumer.disconnect() };
}

const coordinatorLog = '__consumer_offsets';

/** Makes the coordinator's topic: Kafka creates it when the first group looks up its coordinator. */
async function makeCoordinatorLog(kafka: Kafka): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.describeGroups(['none']);
  } finally {
    await admin.disconnect();
  }
}

/** Version of the keys of records with the metadata of a group. Other versions are keys of other records. */
const groupMetadataKey = 2;

/**
 * Reads a record of the coordinator. Returns undefined if it is not the metadata of a group. The key has an int16
 * version and the group as a string. The value begins with an int16 version, the protocol type as a string, and the
 * generation as an int32. A string is an int16 length and its bytes.
 */
function readGroupMetadata(key: Buffer, value: Buffer): { group: string; generation: number } | undefined {
  if (key.readInt16BE(0) !== groupMetadataKey) return undefined;
  const group = key.toString('utf8', 4, 4 + key.readInt16BE(2));
  const generationAt = 4 + value.readInt16BE(2);
  return { group, generation: value.readInt32BE(generationAt) };
}
