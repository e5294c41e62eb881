import type { LoggedAddition } from '#audit/record/addition.ts';
import { type Amount, add, formatAmount, isEqual } from '#audit/record/amount.ts';
import type { ConflictRow, LedgerRow, ParkedRow } from './books.ts';
import type { Finding, FindingKind, Findings } from './findings.ts';
import type { Holes } from './holes.ts';
import { isHole, type LogHole, type LogItem } from './log.ts';

/** Records of the log and rows of PostgreSQL in a range of offsets of one partition. */
export interface Page {
  readonly logEpoch: number;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  /** Every offset of the page is in exactly one item. */
  readonly items: readonly LogItem[];
  readonly rows: readonly LedgerRow[];
  readonly conflicts: readonly ConflictRow[];
  readonly parked: readonly ParkedRow[];
  /** Rows of the whole ledger by request id, for every request id of the page's additions and rows. */
  readonly rowsById: ReadonlyMap<string, readonly LedgerRow[]>;
}

/** Numbers of offsets of a partition, by what was found at the offset. */
export interface Tally {
  /** Rows of table ledger. `conflict` and `parked` are rows of their tables. */
  applied: bigint;
  conflict: bigint;
  parked: bigint;
  /** Records that are copies of counted records. */
  duplicate: bigint;
  /** Offsets without a row and without a readable record. They can only be copies or expired records. */
  unknown: bigint;
}

export interface Sinks {
  readonly findings: Findings;
  readonly holes: Holes;
  readonly tally: Tally;
}

/** Compares one page and adds the results to `sinks`. */
export function judgePage(page: Page, sinks: Sinks): void {
  new PageJudge(page, sinks).judge();
}

class PageJudge {
  readonly #page: Page;
  readonly #sinks: Sinks;
  readonly #rows: ReadonlyMap<bigint, readonly LedgerRow[]>;
  readonly #conflicts: ReadonlyMap<bigint, readonly ConflictRow[]>;
  readonly #parked: ReadonlyMap<bigint, readonly ParkedRow[]>;

  constructor(page: Page, sinks: Sinks) {
    this.#page = page;
    this.#sinks = sinks;
    this.#rows = Map.groupBy(page.rows, ({ offset }) => offset);
    this.#conflicts = Map.groupBy(page.conflicts, ({ offset }) => offset);
    this.#parked = Map.groupBy(page.parked, ({ offset }) => offset);
  }

  judge(): void {
    const { rows, conflicts, parked, items } = this.#page;
    const { tally } = this.#sinks;
    tally.applied += BigInt(rows.length);
    tally.conflict += BigInt(conflicts.length);
    tally.parked += BigInt(parked.length);
    this.#findTwoDispositions();
    for (const row of rows) {
      this.#findCountedTwice(row);
      if (isEqual(add(row.a, row.b), row.value)) continue;
      this.#find('RowDiffers', row.offset, `the value of ${row.requestId} is not a + b: ${describe(row)}`, row.series);
    }
    for (const item of items) {
      if (isHole(item)) this.#judgeHole(item);
      else this.#judgeRecord(item);
    }
  }

  #findTwoDispositions(): void {
    const { rows, conflicts, parked } = this.#page;
    const seen = new Set<bigint>();
    for (const { offset } of [...rows, ...conflicts, ...parked]) {
      if (seen.has(offset)) this.#find('TwoDispositions', offset, 'PostgreSQL has more than one row for this offset');
      seen.add(offset);
    }
  }

  #judgeRecord(item: Exclude<LogItem, LogHole>): void {
    const { offset } = item;
    const [row, conflict, parked] = [
      this.#rows.get(offset)?.[0],
      this.#conflicts.get(offset)?.[0],
      this.#parked.get(offset)?.[0],
    ];
    if (row !== undefined) this.#judgeCounted(item, row);
    else if (conflict !== undefined) this.#judgeConflict(item, conflict);
    else if (parked !== undefined) this.#judgeParked(item, parked);
    else if (item.kind !== 'addition') {
      this.#find(
        'NotParked',
        offset,
        `the record is not an addition (${item.reason}), and PostgreSQL has no row for it`,
      );
    } else this.#judgeUncounted(offset, item.addition);
  }

  #judgeCounted(item: Exclude<LogItem, LogHole>, row: LedgerRow): void {
    const { findings } = this.#sinks;
    const { offset } = item;
    if (item.kind !== 'addition') {
      findings.exceeds(row.series, row.value);
      const what = `the ledger has ${row.requestId}, ${describe(row)}, but the record is not an addition: ${item.reason}`;
      this.#find('CountedInvalid', offset, what, row.series);
      return;
    }
    const { addition } = item;
    if (row.requestId !== addition.requestId) {
      findings.exceeds(row.series, row.value);
      const what = `the ledger has ${row.requestId}, ${describe(row)}, but the log has ${addition.requestId}`;
      this.#find('NotInLog', offset, what, row.series);
      this.#judgeUncounted(offset, addition);
      return;
    }
    if (!isSame(row, addition) || !isEqual(row.value, addition.value)) {
      findings.exceeds(row.series, row.value);
      findings.lacks(addition.series, addition.value);
      const what = `the ledger has ${row.requestId} as ${describe(row)}, but the log has ${describe(addition)}`;
      this.#find('RowDiffers', offset, what, row.series);
    }
  }

  /**
   * Checks every row, even if its record was not read. The primary key forbids two rows with the same request id, but
   * the auditor does not trust the key.
   */
  #findCountedTwice({ requestId, offset, series }: LedgerRow): void {
    const all = this.#page.rowsById.get(requestId) ?? [];
    if (all.length <= 1) return;
    const places = all.map(({ partition, offset: at }) => `${partition}:${at}`).join(', ');
    this.#find('CountedTwice', offset, `the ledger has ${requestId} at ${places}`, series);
  }

  /** Judges an addition without a row in PostgreSQL. This is correct only if a copy of the addition is counted. */
  #judgeUncounted(offset: bigint, addition: LoggedAddition): void {
    const counted = this.#page.rowsById.get(addition.requestId) ?? [];
    if (counted.some((row) => isSame(row, addition))) {
      // If the offset has a row of another addition, the pipeline did not count this record as a duplicate.
      if (!this.#rows.has(offset)) this.#sinks.tally.duplicate += 1n;
    } else if (counted.length > 0) {
      const what = `${addition.requestId} is counted with other operands, but this record is not in table conflicts`;
      this.#find('ConflictMissing', offset, what, addition.series);
    } else {
      this.#sinks.findings.lacks(addition.series, addition.value);
      const what = `the log has ${addition.requestId}, ${describe(addition)}, but PostgreSQL has no row for it`;
      this.#find('NotCounted', offset, what, addition.series);
    }
  }

  #judgeConflict(item: Exclude<LogItem, LogHole>, conflict: ConflictRow): void {
    const problem = this.#conflictProblem(item, conflict);
    if (problem !== undefined) this.#find('ConflictDiffers', item.offset, problem, conflict.series);
  }

  #conflictProblem(item: Exclude<LogItem, LogHole>, conflict: ConflictRow): string | undefined {
    if (item.kind !== 'addition') return `table conflicts has a row, but the record is not an addition: ${item.reason}`;
    const { addition } = item;
    const { requestId } = addition;
    if (conflict.requestId !== requestId || !isSame(conflict, addition)) {
      return `table conflicts has ${conflict.requestId}, but the log has ${requestId} or other operands`;
    }
    const counted = this.#page.rowsById.get(requestId) ?? [];
    if (counted.length === 0) {
      this.#sinks.findings.lacks(addition.series, addition.value);
      return `${requestId} is in table conflicts, but not in the ledger`;
    }
    const hasSame = counted.some((row) => isSame(row, addition));
    return hasSame ? `${requestId} is in table conflicts, but is counted with the same operands` : undefined;
  }

  #judgeParked(item: Exclude<LogItem, LogHole>, parked: ParkedRow): void {
    const { offset } = item;
    if (item.kind === 'addition') {
      this.#sinks.findings.lacks(item.addition.series, item.addition.value);
      const what = `${item.addition.requestId} is a valid addition, but it is parked: ${parked.reason.slice(0, 200)}`;
      this.#find('ParkedReadable', offset, what, item.addition.series);
      return;
    }
    const { keyHash, valueHash } = item.kind === 'invalid' ? item : { keyHash: undefined, valueHash: undefined };
    if (keyHash === parked.keyHash && valueHash === parked.valueHash) return;
    this.#find('ParkedDiffers', offset, 'the parked bytes differ from the bytes of the record');
  }

  #judgeHole(hole: LogHole): void {
    const { findings, holes, tally } = this.#sinks;
    const { logEpoch, partition } = this.#page;
    const isInside = ({ offset }: { offset: bigint }) => hole.from <= offset && offset < hole.to;
    const rows = this.#page.rows.filter(isInside);
    const parked = this.#page.parked.filter(isInside);
    const taken = new Set([...rows, ...parked, ...this.#page.conflicts.filter(isInside)].map(({ offset }) => offset));
    tally.unknown += hole.to - hole.from - BigInt(taken.size);
    // Do not report a batch that cannot be unpacked if all its records are parked: then there is nothing to compare.
    const isParked = hole.kind === 'unreadable' && BigInt(parked.length) === hole.to - hole.from;
    if (!isParked) holes.add({ ...hole, logEpoch, partition, rows: BigInt(rows.length) });
    if (hole.kind !== 'missing' && hole.kind !== 'cut') return;
    for (const row of rows) {
      findings.exceeds(row.series, row.value);
      const what = `the ledger has ${row.requestId}, ${describe(row)}, but ${hole.reason}`;
      this.#find('NotInLog', row.offset, what, row.series);
    }
  }

  #find(kind: FindingKind, offset: bigint, message: string, series?: string): void {
    const { logEpoch, partition } = this.#page;
    const place: Finding = { kind, logEpoch, partition, offset: offset.toString(), message };
    this.#sinks.findings.add(series === undefined ? place : { ...place, series });
  }
}

type Operands = { readonly series: string; readonly a: Amount; readonly b: Amount };

function isSame(one: Operands, other: Operands): boolean {
  return one.series === other.series && isEqual(one.a, other.a) && isEqual(one.b, other.b);
}

function describe({ series, a, b, value }: Operands & { readonly value: Amount }): string {
  return `${formatAmount(a)} + ${formatAmount(b)} = ${formatAmount(value)} in series "${series}"`;
}
