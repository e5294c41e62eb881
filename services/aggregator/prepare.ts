import type { haltReasons } from '#contract/reasons.ts';
import { decodeRecord, schemaVersion } from '#contract/record.ts';
import type { LogRecord } from '#services/eventlog/port.ts';
import type { BatchAddition, ParkedRecord } from '#services/ledger/port.ts';

/** Why a partition must not be counted before an administrator has checked it. */
export interface Halt {
  /** One CamelCase word. */
  readonly reason: HaltReason;
  /** What happened and what to do. */
  readonly message: string;
}

export type HaltReason = keyof typeof haltReasons;

/** The decoded records of a batch, up to (but without) the first record that halts the partition. */
export interface PreparedBatch {
  readonly additions: readonly BatchAddition[];
  readonly parked: readonly ParkedRecord[];
  /** Set if a record halts the partition. `additions` and `parked` have only the records before that record. */
  readonly halt: Halt | undefined;
}

/** Decodes records in order. Pure: the same bytes always give the same batch. */
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

/** Returns a record to park. Keeps its bytes, but changes its texts so that PostgreSQL accepts them. */
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
 * Returns the time as a Date in the range of PostgreSQL. If the topic keeps the client's time, it may be outside
 * this range. No code uses the time, so a wrong time must not stop the counting.
 */
function storableTime(ms: number): Date {
  return new Date(Number.isFinite(ms) ? Math.min(Math.max(ms, 0), timeMax) : 0);
}

const timeMax = Date.UTC(9999, 11, 31);
/** Maximum number of characters of a stored text. Only people read it, so the beginning is enough. */
const textLengthMax = 500;

/**
 * Replaces control characters with `?`, and cuts the text. PostgreSQL refuses NUL, which a record header may contain,
 * but parking must never fail.
 */
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
      `${schemaVersion}. Upgrade the aggregators: counting continues at this record`,
  };
}

function corrupt(partition: number, offset: bigint, reason: string): Halt {
  return {
    reason: 'RecordCorrupt',
    message:
      `partition ${partition} offset ${offset}: ${reason}. Bytes were changed in the log or in transit. Restart the ` +
      'aggregator to read the record again; if the error stays, compare the record on every replica of the topic',
  };
}
