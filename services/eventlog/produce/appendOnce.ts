import { explainKafkaError } from '#services/eventlog/errors.ts';
import { AppendError, type AppendedBatch, type LogRecordInput, LogUnavailableError } from '#services/eventlog/port.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { acknowledged } from './acknowledgement.ts';
import type { BrokerConnections } from './connections.ts';
import type { Leader } from './metadata.ts';

export interface AppendOnce {
  readonly settings: KafkaSettings;
  readonly partition: number;
  readonly leader: Leader;
  readonly records: readonly LogRecordInput[];
  /** Connections used only for appends. */
  readonly connections: BrokerConnections;
  /** The time of the records, in milliseconds since the Unix epoch. With LogAppendTime the broker replaces it. */
  readonly now: number;
}

/**
 * How long the broker may wait for its replicas before it returns REQUEST_TIMED_OUT. Longer than Kafka needs to
 * remove a hung replica from the in-sync set. Shorter than the request timeout of the client.
 */
const replicationTimeoutMs = 15_000;

/** The value of acks=all: every in-sync replica must have the records. */
const allReplicas = -1;

/**
 * Sends one produce request to one broker for one partition. Resolves with the acknowledgement. Throws the errors of
 * the broker and of the connection.
 */
export async function appendOnce(options: AppendOnce): Promise<AppendedBatch> {
  const { settings, partition, leader, records, connections, now } = options;
  if (leader.address === undefined) {
    throw new LogUnavailableError('Unreachable', `partition ${partition} has no leader at the moment`);
  }
  const { connection, versions } = await connections.get(leader.address).catch((error: unknown) => {
    // Explain the error here, where it is certain that nothing was sent: LogUnavailableError means `notWritten`.
    throw explainKafkaError(error, settings);
  });
  const { topic } = settings;
  const timestamp = BigInt(now);
  const messages = records.map(({ key, value, headers }) => ({
    topic,
    partition,
    key: viewOf(key),
    value: viewOf(value),
    headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
    timestamp,
  }));
  const answer = await versions.produce.async(connection, allReplicas, replicationTimeoutMs, messages, {});
  // The type also allows a boolean, which only a request without a response returns.
  if (typeof answer === 'boolean') throw new AppendError(`partition ${partition} was written without a response`);
  return acknowledged(answer, topic, partition);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
