import type { IHeaders, KafkaMessage } from 'kafkajs';
import { schemaHeader, traceHeader } from '#contract/record.ts';
import { damagedHeader, unreadableHeader } from './codecs.ts';
import { type LogRange, LogRangeError, type LogRecord } from './port.ts';

/**
 * Splits the delivered records into batches of at most `recordsMax` records. The offsets begin at `expected` and go up
 * by exactly 1. Ends at the first record with a wrong offset: that record and all after it must be fetched again.
 */
export function* contiguousBatches(
  messages: readonly KafkaMessage[],
  expected: bigint,
  recordsMax: number,
): Generator<[LogRecord, ...LogRecord[]]> {
  let next = expected;
  let batch: LogRecord[] = [];
  for (const message of messages) {
    const record = toRecord(message);
    if (record.offset !== next) break;
    next += 1n;
    batch.push(record);
    if (batch.length === recordsMax) {
      yield* nonEmpty(batch);
      batch = [];
    }
  }
  yield* nonEmpty(batch);
}

function nonEmpty(records: LogRecord[]): [LogRecord, ...LogRecord[]][] {
  const [first, ...rest] = records;
  return first === undefined ? [] : [[first, ...rest]];
}

/** Returns why the log cannot be read from `wanted`, or undefined if it can. An unlisted partition counts as empty. */
export function rangeProblem(
  partition: number,
  wanted: bigint,
  ranges: ReadonlyMap<number, LogRange>,
): LogRangeError | undefined {
  const { earliest, end } = ranges.get(partition) ?? { earliest: 0n, end: 0n };
  const isListed = ranges.has(partition);
  if (isListed && earliest <= wanted && wanted <= end) return undefined;
  return new LogRangeError({ partition, wanted, earliest, end });
}

export function toRecord(message: KafkaMessage): LogRecord {
  return {
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    schema: headerText(message.headers, schemaHeader),
    traceparent: headerText(message.headers, traceHeader),
    unreadable: headerText(message.headers, unreadableHeader) ?? headerText(message.headers, damagedHeader),
    isDamaged: message.headers?.[damagedHeader] !== undefined,
    headers: message.headers,
    appendedAt: Number(message.timestamp),
    leaderEpoch: leaderEpochOf(message),
  };
}

/**
 * Returns a header as text, or undefined without the header. A header that occurs twice becomes "1,1". No schema
 * version has this name, so the record is parked.
 */
function headerText(headers: IHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.map(String).join(',') : String(value ?? '');
}

/** kafkajs passes the leader epoch through, but its types do not declare it. */
function leaderEpochOf(message: KafkaMessage): number | undefined {
  const context: unknown = Reflect.get(message, 'batchContext');
  if (typeof context !== 'object' || context === null) return undefined;
  const epoch: unknown = Reflect.get(context, 'partitionLeaderEpoch');
  return typeof epoch === 'number' && epoch >= 0 ? epoch : undefined;
}
