import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type GetProofResponse, GetProofResponseSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { LogRange } from '#services/eventlog/port.ts';
import type { OwnedBooks } from '#services/ledger/port.ts';
import type { Exactness } from './verdict.ts';

export interface ProofFacts {
  readonly exactness: Exactness;
  /** Next offset and counters of each partition, from PostgreSQL. Read them before `ranges`. */
  readonly books: readonly OwnedBooks[];
  /** The ranges of the partitions, read after `books`, so that lag is never negative. Undefined without Kafka. */
  readonly ranges: ReadonlyMap<number, LogRange> | undefined;
  readonly logEpoch: number;
  readonly at: Date;
}

/** Builds the proof of the conservation law for every partition that Kafka or PostgreSQL lists. */
export function buildProof(facts: ProofFacts): GetProofResponse {
  const { books, ranges, logEpoch, at } = facts;
  const known = new Set(books.filter((one) => one.logEpoch === logEpoch).map(({ partition }) => partition));
  const unread = [...(ranges ?? [])].filter(([partition]) => !known.has(partition));
  const { exact, reason, message } = ranges === undefined ? logUnknown : (rangeProblem(facts) ?? withExpired(facts));
  return create(GetProofResponseSchema, {
    exact: exact === true,
    reason,
    message,
    at: timestampFromDate(at),
    partitions: [
      ...books.map((one) => ({
        ...one,
        logEnd: (one.logEpoch === logEpoch ? ranges?.get(one.partition)?.end : undefined) ?? one.nextOffset,
      })),
      ...unread.map(([partition, range]) => ({ logEpoch, partition, logEnd: range.end })),
    ].sort((one, other) => one.logEpoch - other.logEpoch || one.partition - other.partition),
  });
}

const logUnknown: Exactness = {
  exact: null,
  reason: 'LogUnreachable',
  message:
    'the partitions cannot be read from Kafka now, so nothing is proven. The counters are those of PostgreSQL, and ' +
    'the log ends are not known. Retry when Kafka responds',
};

/** Adds to the message the partitions that cannot be compared with Kafka: retention deleted all counted records. */
function withExpired({ exactness, books, ranges, logEpoch }: ProofFacts): Exactness {
  const expired = books.filter((one) => {
    const range = one.logEpoch === logEpoch ? ranges?.get(one.partition) : undefined;
    return range !== undefined && one.nextOffset > one.firstOffset && range.earliest >= one.nextOffset;
  });
  if (exactness.exact !== true || expired.length === 0) return exactness;
  const [partitions, were, their] =
    expired.length === 1 ? ['partition', 'was', 'its'] : ['partitions', 'were', 'their'];
  const names = expired.map(({ partition }) => partition).join(', ');
  const notCompared = `${partitions} ${names} ${were} not compared with the log`;
  const message = `${exactness.message}; ${notCompared}, because retention removed all ${their} counted records`;
  return { ...exactness, message };
}

/**
 * Returns undefined if the log holds the next offset of every partition. Otherwise records were lost: returns which.
 */
function rangeProblem({ books, ranges, logEpoch }: ProofFacts): Exactness | undefined {
  const known = new Set(books.filter((one) => one.logEpoch === logEpoch).map(({ partition }) => partition));
  for (const [partition, { earliest }] of ranges ?? []) {
    if (!known.has(partition) && earliest > 0n) {
      return notExact(
        'LogTruncated',
        `partition ${partition}: nothing was counted yet but the log begins at ${earliest}`,
      );
    }
  }
  for (const one of books) {
    const range = one.logEpoch === logEpoch ? ranges?.get(one.partition) : undefined;
    if (one.logEpoch !== logEpoch) continue;
    if (range === undefined) {
      return notExact('PartitionMissing', `partition ${one.partition} was counted, but Kafka no longer lists it`);
    }
    if (range.end < one.nextOffset) {
      return notExact(
        'LogTruncated',
        `partition ${one.partition}: ${one.nextOffset} records were counted, but the log ends at ${range.end}`,
      );
    }
    if (range.earliest > one.nextOffset) {
      return notExact(
        'LogTruncated',
        `partition ${one.partition}: the next offset is ${one.nextOffset} but the log begins at ${range.earliest}`,
      );
    }
  }
  return undefined;
}

function notExact(reason: string, message: string): Exactness {
  return { exact: false, reason, message };
}
