import { decodeRecord, schemaVersion } from '#contract/record.ts';
import type { LogRecord } from '#services/eventlog/port.ts';
import type { BatchAddition, ParkedRecord } from '#services/ledger/port.ts';

/** Why a partition must not go on: a person has to look first. */
export interface Halt {
  /** One CamelCase word. */
  readonly reason: HaltReason;
  /** What was seen and what to do. */
  readonly message: string;
}

export type HaltReason = 'RecordCorrupt' | 'RecordTooNew' | 'LogTruncated' | 'LogRewritten' | 'LogGap' | 'BooksBroken';

/** What a batch of log records becomes: everything before the first record that halts. */
export interface PreparedBatch {
  readonly additions: readonly BatchAddition[];
  readonly parked: readonly ParkedRecord[];
  /** Set when a record halts the partition; the records before it stand in the lists above. */
  readonly halt: Halt | undefined;
}

/** Decodes records in order. Pure: the same bytes always become the same batch. */
export function prepareBatch(partition: number, records: readonly LogRecord[]): PreparedBatch {
  const additions: BatchAddition[] = [];
  const parked: ParkedRecord[] = [];
  for (const record of records) {
    if (record.unreadable !== undefined && record.isDamaged === true) {
      return { additions, parked, halt: corrupt(partition, record.offset, record.unreadable) };
    }
    if (record.unreadable !== undefined) {
      parked.push(parkedRecord(record, record.unreadable));
      continue;
    }
    const decoded = decodeRecord(record);
    switch (decoded.kind) {
      case 'addition':
        additions.push({ ...decoded.addition, offset: record.offset, appendedAt: storableTime(record.appendedAt) });
        break;
      case 'undecodable':
        parked.push(parkedRecord(record, decoded.reason));
        break;
      case 'newer':
        return { additions, parked, halt: tooNew(partition, record.offset, decoded.version) };
      case 'corrupt':
        return { additions, parked, halt: corrupt(partition, record.offset, decoded.reason) };
      default:
        decoded satisfies never;
    }
  }
  return { additions, parked, halt: undefined };
}

/** Keeps the record's bytes; texts are cut to what any text column takes. */
export function parkedRecord(record: LogRecord, reason: string): ParkedRecord {
  return {
    offset: record.offset,
    appendedAt: storableTime(record.appendedAt),
    key: record.key,
    value: record.value,
    schema: record.schema === undefined ? undefined : printable(record.schema),
    reason: printable(reason),
  };
}

/**
 * On a topic that keeps the client's time it may be anything, beyond what Date and PostgreSQL hold. A time is for people
 * to read: a strange one must keep no addition from being counted, and no other record from being parked.
 */
function storableTime(ms: number): Date {
  return new Date(Number.isFinite(ms) ? Math.min(Math.max(ms, 0), timeMax) : 0);
}

const timeMax = Date.UTC(9999, 11, 31);
const textLengthMax = 500;

/** The header may hold anything, NUL included, which PostgreSQL refuses: a parked record must never fail to park. */
function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}/gu, '?')
    .slice(0, textLengthMax)
    .toWellFormed();
}

function tooNew(partition: number, offset: bigint, version: number): Halt {
  return {
    reason: 'RecordTooNew',
    message:
      `partition ${partition} offset ${offset}: the record has schema ${version}, but this aggregator reads only up to ` +
      `${schemaVersion}. Upgrade the aggregators; counting then continues here`,
  };
}

function corrupt(partition: number, offset: bigint, reason: string): Halt {
  return {
    reason: 'RecordCorrupt',
    message:
      `partition ${partition} offset ${offset}: ${reason}. Bytes were changed in the log or in transit. Restart the ` +
      'aggregator to read the record again; if the error stays, compare the record on every replica',
  };
}
