import { withDeadline } from '#platform/time.ts';
import { LogUnavailableError } from '#services/eventlog/port.ts';
import { evenWithErrors } from './answers.ts';
import type { BrokerConnections } from './connections.ts';
import type { TopicMetadata } from './metadata.ts';

export interface ProbeOptions {
  readonly topic: string;
  readonly metadata: TopicMetadata;
  /** Connections for requests other than appends. */
  readonly connections: BrokerConnections;
}

/** What is at an offset that kafkajs does not deliver, because kafkajs reads only committed records. */
export interface Withheld {
  /** Why it is not delivered, as a sentence about the record. */
  readonly reason: string;
  /** Milliseconds since the Unix epoch. */
  readonly appendedAt: number;
  readonly leaderEpoch: number;
}

/** Maximum wait for the response, in milliseconds. */
const answerTimeoutMs = 5_000;
/** Maximum size of the response, in bytes. Kafka returns at least one batch, however small this number is. */
const oneBatch = 1;
/** Isolation level: the broker also returns which transactions were aborted. */
const committedOnly = 1;
/** Fields of a request that is not part of a fetch session. */
const [noSession, finalEpoch] = [0, -1];
const anyEpoch = -1;
const [controlFlag, transactionalFlag] = [0x20, 0x10];

/**
 * Asks the partition's leader what is at `offset`. Returns `open` if a transaction has not ended: readers of
 * committed records get nothing from this offset on until it ends. Returns undefined for an ordinary record, or if
 * nothing is there yet. Throws LogUnavailableError without a leader, and the errors of @platformatic/kafka.
 */
export async function probeOffset(
  { topic, metadata, connections }: ProbeOptions,
  partition: number,
  offset: bigint,
): Promise<Withheld | 'open' | undefined> {
  if (metadata.leaderOf(partition)?.address === undefined) await metadata.refresh();
  const address = metadata.leaderOf(partition)?.address;
  if (address === undefined)
    throw new LogUnavailableError('Unreachable', `partition ${partition} has no leader at the moment`);
  const { connection, versions } = await connections.get(address);
  const place = { partition, currentLeaderEpoch: anyEpoch, fetchOffset: offset, lastFetchedEpoch: anyEpoch };
  const wanted = [{ topicId: topic, partitions: [{ ...place, partitionMaxBytes: oneBatch }] }];
  const question = evenWithErrors(
    versions.fetch.async(connection, 0, 0, oneBatch, committedOnly, noSession, finalEpoch, wanted, [], ''),
  );
  const [found] = await withDeadline(`reading the record at offset ${offset}`, answerTimeoutMs, question);
  if (found === undefined || found.errorCode !== 0 || offset >= found.highWatermark) return undefined;
  if (offset >= found.lastStableOffset) return 'open';
  const { batch, aborted } = found;
  if (batch === undefined || offset < batch.firstOffset || batch.lastOffset < offset) return undefined;
  const { producerId, leaderEpoch } = batch;
  const withheld = (reason: string): Withheld => ({ reason, appendedAt: Number(batch.maxTimestamp), leaderEpoch });
  if ((batch.attributes & controlFlag) !== 0) {
    return withheld(`it is the marker of a transaction of producer ${producerId}`);
  }
  const isTransactional = (batch.attributes & transactionalFlag) !== 0;
  // Return undefined for a committed record: kafkajs delivers it.
  if (!isTransactional || !aborted.some((one) => one.producerId === producerId && one.firstOffset <= offset)) return;
  return withheld(`it was written in a transaction of producer ${producerId} that was aborted`);
}
