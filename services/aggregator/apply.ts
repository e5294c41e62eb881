import type { LogRecord } from '#services/eventlog/port.ts';
import { type Anchor, BatchDataError, type BatchOutcome, type Ledger } from '#services/ledger/port.ts';
import { anchorOf } from './anchor.ts';
import { type Halt, parkedRecord, prepareBatch } from './prepare.ts';

export interface ApplyTarget {
  readonly ledger: Pick<Ledger, 'applyBatch'>;
  readonly partition: number;
  readonly ownerEpoch: bigint;
}

export interface ApplyResult {
  /** All records before this offset are committed. */
  readonly nextOffset: bigint;
  readonly outcome: BatchOutcome;
  /** Anchor of the record at nextOffset - 1; undefined if nothing was committed. */
  readonly anchor: Anchor | undefined;
  /** Set if the record at nextOffset halts the partition. */
  readonly halt: Halt | undefined;
}

const nothing: BatchOutcome = { applied: 0, duplicate: 0, conflict: 0, parked: 0 };

/**
 * Commits contiguous records that begin at `firstOffset`, up to the first record that halts the partition. If
 * PostgreSQL refuses a record, halves the batch until that record is alone, and parks it. Throws the errors of the
 * ledger. After an error it is unknown how many records were committed.
 */
export async function applyRecords(
  target: ApplyTarget,
  firstOffset: bigint,
  records: readonly LogRecord[],
): Promise<ApplyResult> {
  const prepared = prepareBatch(target.partition, records);
  const { additions, parked, halt } = prepared;
  const count = additions.length + parked.length;
  const nextOffset = firstOffset + BigInt(count);
  const last = records[count - 1];
  if (last === undefined) return { nextOffset, outcome: nothing, anchor: undefined, halt };
  const anchor = anchorOf(last);
  const { partition, ownerEpoch } = target;
  try {
    const outcome = await target.ledger.applyBatch({
      partition,
      ownerEpoch,
      firstOffset,
      nextOffset,
      additions,
      parked,
      anchor,
    });
    return { nextOffset, outcome, anchor, halt };
  } catch (error) {
    if (!(error instanceof BatchDataError)) throw error;
    const good = records.slice(0, count);
    const [only] = good;
    if (count === 1 && only !== undefined) return park(target, only, error);
    const middle = Math.floor(count / 2);
    const first = await applyRecords(target, firstOffset, good.slice(0, middle));
    const second = await applyRecords(target, firstOffset + BigInt(middle), good.slice(middle));
    return { nextOffset, outcome: sum(first.outcome, second.outcome), anchor: second.anchor, halt };
  }
}

async function park(target: ApplyTarget, record: LogRecord, error: Error): Promise<ApplyResult> {
  const nextOffset = record.offset + 1n;
  const anchor = anchorOf(record);
  const outcome = await target.ledger.applyBatch({
    partition: target.partition,
    ownerEpoch: target.ownerEpoch,
    firstOffset: record.offset,
    nextOffset,
    additions: [],
    parked: [parkedRecord(record, `PostgreSQL refuses it: ${error.message}`)],
    anchor,
  });
  return { nextOffset, outcome, anchor, halt: undefined };
}

function sum(one: BatchOutcome, other: BatchOutcome): BatchOutcome {
  return {
    applied: one.applied + other.applied,
    duplicate: one.duplicate + other.duplicate,
    conflict: one.conflict + other.conflict,
    parked: one.parked + other.parked,
  };
}
