import { withDeadline } from '#platform/time.ts';
import { evenWithErrors } from './answers.ts';
import type { BrokerConnections } from './connections.ts';
import type { TopicMetadata } from './metadata.ts';

export interface LogEndsOptions {
  readonly topic: string;
  readonly metadata: TopicMetadata;
  /** Connections for requests other than appends. */
  readonly connections: BrokerConnections;
  /** Called for every leader that did not respond. */
  readonly onFailure: (error: unknown) => void;
}

/** Maximum wait for the response of one connected leader. */
const answerTimeoutMs = 2_000;
/** The value with which ListOffsets requests the end of the log. */
const latest = -1n;
/** Fields of the request: the client is no replica, accepts any leader epoch, and wants uncommitted records too. */
const notAReplica = -1;
const anyEpoch = -1;
const uncommittedToo = 0;

/**
 * Returns the last offset plus one of every partition whose leader responded. Other partitions are missing from the
 * result. Sends one request per leader, which needs only the right to DESCRIBE the topic. Never rejects.
 */
export async function readLogEnds(options: LogEndsOptions): Promise<ReadonlyMap<number, bigint>> {
  const { metadata } = options;
  const partitions = Array.from({ length: metadata.partitionCount }, (_, partition) => partition);
  const byLeader = Map.groupBy(partitions, (partition) => metadata.leaderOf(partition)?.address);
  const ends = new Map<number, bigint>();
  await Promise.all(
    [...byLeader].map(async ([address, led]) => {
      if (address === undefined) return;
      try {
        for (const [partition, end] of await askLeader(options, address, led)) ends.set(partition, end);
      } catch (error) {
        options.onFailure(error);
      }
    }),
  );
  return ends;
}

async function askLeader(
  { topic, connections }: LogEndsOptions,
  address: string,
  partitions: readonly number[],
): Promise<(readonly [number, bigint])[]> {
  const { connection, versions } = await connections.get(address);
  const wanted = partitions.map((partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: anyEpoch,
    timestamp: latest,
  }));
  const question = evenWithErrors(
    versions.listOffsets.async(connection, notAReplica, uncommittedToo, [{ name: topic, partitions: wanted }]),
  );
  const { topics } = await withDeadline(`reading the ends of the log from ${address}`, answerTimeoutMs, question);
  return topics
    .filter(({ name }) => name === topic)
    .flatMap((answer) => answer.partitions)
    .filter(
      ({ errorCode, offset, partitionIndex }) => errorCode === 0 && offset >= 0n && partitions.includes(partitionIndex),
    )
    .map(({ partitionIndex, offset }) => [partitionIndex, offset] as const);
}
