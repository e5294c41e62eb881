import type { Mutant } from './mutant.ts';

const page = { file: 'audit/judge/page.ts', test: 'audit/judge/page.test.ts' };
const read = 'audit/log/read.test.ts';

export const auditMutants: readonly Mutant[] = [
  {
    breaks: 'a record that was never counted is found',
    file: page.file,
    from: 'if (counted.some((row) => isSame(row, addition))) {',
    to: 'if (counted.length >= 0) {',
    test: { file: page.test, name: 'a missing ledger row' },
  },
  {
    breaks: 'a row of the ledger is compared with its record',
    file: page.file,
    from: 'if (!isSame(row, addition) || !isEqual(row.value, addition.value)) {',
    to: 'if (!isEqual(row.value, row.value)) {',
    test: { file: page.test, name: 'a ledger row with another value' },
  },
  {
    breaks: 'an id counts once',
    file: page.file,
    from: 'if (all.length <= 1) return;',
    to: 'if (all.length <= 2) return;',
    test: { file: page.test, name: 'an addition that is counted twice' },
  },
  {
    breaks: 'a row must belong to its record',
    file: page.file,
    from: 'if (row.requestId !== addition.requestId) {',
    to: 'if (row.requestId.length !== addition.requestId.length) {',
    test: { file: page.test, name: 'because another record has its offset' },
  },
  {
    breaks: 'a total is the sum of its rows',
    file: 'audit/judge/totals.ts',
    from: 'if (isEqual(sum, total) && rows === count) continue;',
    to: 'if (rows === count) continue;',
    test: { file: 'audit/judge/judge.test.ts', name: 'have another sum' },
  },
  {
    breaks: 'the counters of copies are the number of copies',
    file: 'audit/judge/counters.ts',
    from: 'if (duplicate + expired !== copies) {',
    to: 'if (duplicate + expired < copies) {',
    test: { file: 'audit/judge/judge.test.ts', name: 'tell copies that the log does not have' },
  },
  {
    breaks: 'a batch that changed on a disk is not trusted',
    file: 'audit/log/batches.ts',
    from: 'if (crc32c(batch.subarray(checkedFrom)) !== batch.readUInt32BE(checksumAt)) {',
    to: 'if (crc32c(batch.subarray(checkedFrom)) < 0) {',
    test: { file: 'audit/log/batches.test.ts', name: 'with a wrong checksum' },
  },
  {
    breaks: 'offsets without a record are named',
    file: 'audit/log/read.ts',
    from: 'if (offset > at) yield missing(at, offset);',
    to: '',
    test: { file: read, name: 'names what is missing' },
  },
  {
    breaks: 'the pod of an audit does not count as an aggregator',
    file: 'cli/audit/job.ts',
    from: '...withoutOurs(metadata.labels),',
    to: '...metadata.labels,',
    test: { file: 'cli/audit/job.test.ts', name: 'has none of the labels' },
  },
  {
    breaks: 'an audit that is interrupted leaves no Job',
    file: 'cli/audit/runJob.ts',
    from: 'if (signal.aborted || error instanceof NotStarted) await',
    to: 'if (error instanceof NotStarted) await',
    test: { file: 'cli/audit/runJob.test.ts', name: 'that is interrupted deletes its Job' },
  },
];
