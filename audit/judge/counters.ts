import type { LedgerExtent, PartitionRow } from './books.ts';
import type { Findings } from './findings.ts';
import type { Tally } from './page.ts';

/** Compares the counters of a partition with the rows and records from its first offset to its next offset. */
export function judgeCounters(books: PartitionRow, tally: Tally, findings: Findings): void {
  const { logEpoch, partition, firstOffset, nextOffset, applied, duplicate, conflict, parked, expired } = books;
  const find = (kind: 'LawViolated' | 'CountersDiffer' | 'RecordsParked' | 'PartitionHalted', message: string) =>
    findings.add({ kind, logEpoch, partition, message });
  const covered = nextOffset - firstOffset;
  const told = applied + duplicate + conflict + parked + expired;
  if (covered !== told) find('LawViolated', `${covered} offsets are counted, but the dispositions add up to ${told}`);
  const found = { applied: tally.applied, conflict: tally.conflict, parked: tally.parked };
  for (const [name, number] of Object.entries(found)) {
    const counter = books[name as keyof typeof found];
    if (counter !== number) find('CountersDiffer', `the counter ${name} is ${counter}, but ${number} rows were found`);
  }
  // An offset without a row and without a readable record can only be a copy, or an expired record.
  const copies = tally.duplicate + tally.unknown;
  if (duplicate + expired !== copies) {
    find(
      'CountersDiffer',
      `the counters duplicate and expired add up to ${duplicate + expired}, but ${copies} copies were found`,
    );
  }
  if (tally.parked > 0n) find('RecordsParked', `${tally.parked} records are parked: they are kept, but not counted`);
  // Ignore RecordTooNew: counting stopped before the record, so nothing was miscounted.
  if (books.haltReason !== undefined && books.haltReason !== 'RecordTooNew')
    find('PartitionHalted', `the aggregator halted the partition: ${books.haltReason}`);
}

/** Checks that the ledger has rows only in the range that its partition has counted. */
export function judgeExtent({ logEpoch, partition, lowest, highest, counted }: LedgerExtent, findings: Findings): void {
  if (counted !== undefined && counted.from <= lowest && highest < counted.to) return;
  const range =
    counted === undefined ? 'does not list the partition' : `counts offsets ${counted.from} to ${counted.to - 1n}`;
  const message = `the ledger has rows from offset ${lowest} to ${highest}, but table partitions ${range}`;
  findings.add({ kind: 'RowsOutside', logEpoch, partition, message });
}
