import { createHash } from 'node:crypto';
import { isHole, type LogHole, type LogItem } from '#audit/judge/log.ts';
import { larger, smaller } from '#audit/judge/offsets.ts';
import { decodeAddition } from '#audit/record/addition.ts';
import { type Batch, readBatches } from './batches.ts';
import { type KafkaAnswerError, kafkaErrors, type Topic } from './topic.ts';

export interface ReadLogOptions {
  readonly topic: Pick<Topic, 'fetch' | 'readRange'>;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  /** Retries temporary failures, for example when a leader moves. Throws if they continue. */
  readonly retry: <T>(ask: () => Promise<T>) => Promise<T>;
}

/** Maximum number of empty responses in a row. A broker that has just become the leader sends only a few. */
const emptyAnswersMax = 20;

/**
 * Reads the log of one partition in order: every offset from `from` to `to` - 1 is in exactly one item. At most one
 * response of the broker and one unpacked batch are in memory at a time.
 */
export async function* readLog(options: ReadLogOptions): AsyncGenerator<LogItem> {
  const { topic, partition, from, to, retry } = options;
  let next = from;
  let emptyAnswers = 0;
  while (next < to) {
    const fetched = await retry(() => topic.fetch(partition, next));
    const before = next;
    if (fetched.errorCode === kafkaErrors.offsetOutOfRange) {
      const { start, end } = await retry(() => topic.readRange(partition));
      if (next < start) {
        const until = smaller(start, to);
        yield hole('removed', next, until, `the log begins at offset ${start}: retention removed earlier records`);
        next = until;
      } else if (next > end) {
        yield hole('cut', next, to, `the log ends at offset ${end}`);
        return;
      }
    } else {
      for (const batch of readBatches(fetched.records, fetched.aborted)) {
        for (const item of itemsOf(batch, next, to)) {
          yield item;
          next = isHole(item) ? item.to : item.offset + 1n;
        }
        if (next >= to) return;
      }
    }
    if (next > before) {
      emptyAnswers = 0;
    } else if (fetched.errorCode === 0 && next >= fetched.highWatermark) {
      yield hole('cut', next, to, `the log ends at offset ${fetched.highWatermark}`);
      return;
    } else if (fetched.errorCode === 0 && next >= fetched.lastStableOffset) {
      yield hole('unreadable', next, to, 'a transaction is still open at this offset');
      return;
    } else if (++emptyAnswers > emptyAnswersMax) {
      yield hole('unreadable', next, to, 'the broker delivers no records, although the log has more');
      return;
    }
  }
}

/** Returns the part of a batch from `next` to `to` - 1, with a hole for each range of offsets without a record. */
function* itemsOf(batch: Batch, next: bigint, to: bigint): Generator<LogItem> {
  const end = smaller(batch.lastOffset + 1n, to);
  let at = next;
  if (batch.kind === 'unreadable') {
    const begin = smaller(larger(batch.firstOffset, at), to);
    if (begin > at) yield missing(at, begin);
    if (end > begin) yield hole('unreadable', begin, end, batch.reason);
    return;
  }
  const found = batch.kind === 'records' ? batch.records : batch.offsets.map((offset) => ({ offset }));
  for (const record of found) {
    const { offset } = record;
    if (offset < at || offset >= to) continue;
    if (offset > at) yield missing(at, offset);
    at = offset + 1n;
    if (batch.kind === 'withheld') {
      yield { kind: 'withheld', offset, reason: batch.reason };
    } else if ('value' in record) {
      const decoded = decodeAddition(record);
      if (decoded.isAddition) yield { kind: 'addition', offset, addition: decoded.addition };
      else {
        const hashes = { keyHash: hashOf(record.key), valueHash: hashOf(record.value) };
        yield { kind: 'invalid', offset, reason: decoded.reason, ...hashes };
      }
    }
  }
  if (end > at) yield missing(at, end);
}

function missing(from: bigint, to: bigint): LogHole {
  return hole('missing', from, to, 'the log has no record here: the topic was compacted or lost records');
}

function hole(kind: LogHole['kind'], from: bigint, to: bigint, reason: string): LogHole {
  return { kind, from, to, reason };
}

function hashOf(bytes: Uint8Array | null): string | undefined {
  return bytes === null ? undefined : createHash('sha256').update(bytes).digest('hex');
}

/** Returns true if a retry cannot fix the error: a permission is missing, or the topic was deleted. */
export function isFinal(error: unknown): error is KafkaAnswerError {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === kafkaErrors.notAuthorized || code === kafkaErrors.unknownTopic;
}
