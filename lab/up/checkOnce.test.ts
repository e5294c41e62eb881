import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { GetProofResponseSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { checkOnce, type OnceEvidence } from './checkOnce.ts';

interface Changes {
  readonly summary?: Partial<OnceEvidence['summary']>;
  readonly counts?: readonly string[];
  readonly exact?: boolean;
  /** Number of records that the only partition has applied, of ten. */
  readonly applied?: bigint;
}

/** Makes the results of a run with ten rows, all new, counted and proven, apart from the given changes. */
function evidence({ summary = {}, counts = ['4', '6'], exact = true, applied = 10n }: Changes = {}): OnceEvidence {
  return {
    summary: { rows: 10, accepted: 10, replayed: 0, rejected: 0, ...summary },
    totals: counts.map((count, index) => ({ series: `series ${index}`, total: '1', count })),
    proof: create(GetProofResponseSchema, {
      exact,
      reason: exact ? 'Exact' : 'Parked',
      message: exact ? 'the conservation law holds on 1 partition' : 'partition 0 has 1 parked record',
      partitions: [{ partition: 0, firstOffset: 0n, nextOffset: 10n, logEnd: 10n, applied }],
    }),
  };
}

const verdicts: [what: string, changes: Changes, verdict: string | undefined][] = [
  ['a run in which every row is counted and proven passes', {}, undefined],
  ['rows that the calculator remembered count as well', { summary: { accepted: 3, replayed: 7 } }, undefined],
  ['a file without rows passes', { summary: { rows: 0, accepted: 0 }, counts: [] }, undefined],
  [
    'a proof that is not exact is reported first',
    { exact: false },
    'not exact: Parked: partition 0 has 1 parked record',
  ],
  [
    'a proof that says exact but breaks the conservation law fails, and the violation is named',
    { applied: 9n },
    'not exact: the conservation law is violated: partition 0: 10 offsets (0 to 9) but 9 dispositions (applied 9 + duplicate 0 + conflict 0 + parked 0 + expired 0)',
  ],
  [
    'an acknowledged addition that is not counted is reported',
    { counts: ['4', '5'] },
    '10 additions were acknowledged, but 9 are counted',
  ],
  [
    'an addition that is counted twice is reported',
    { counts: ['4', '7'] },
    '10 additions were acknowledged, but 11 are counted',
  ],
  [
    'rejected rows fail the run, even if the others are counted',
    { summary: { rows: 12, rejected: 2 } },
    '2 of 12 rows of the input were rejected',
  ],
  [
    'a lost addition is reported before a rejected row',
    { summary: { rows: 12, rejected: 2 }, counts: ['9'] },
    '10 additions were acknowledged, but 9 are counted',
  ],
];

for (const [what, changes, verdict] of verdicts) {
  test(what, () => {
    assert.equal(checkOnce(evidence(changes)), verdict);
  });
}
