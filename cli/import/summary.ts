import { renderFields, renderTable } from '#cli/output/table.ts';
import { formatVector } from '#core/vector.ts';
import type { Counts, Rejection, Tally } from './tally.ts';

/** The result of an import, as `-o json|yaml` prints it. */
export interface ImportSummary extends Counts {
  readonly importId: string;
  /** `partition:offset,...`: what `sumctl total --at-least` takes. */
  readonly vector: string;
  readonly elapsedSeconds: number;
  /** The first rejected rows. --rejects writes all of them. */
  readonly rejections: readonly Rejection[];
}

export function buildSummary(importId: string, tally: Tally, elapsedMs: number): ImportSummary {
  return {
    importId,
    ...tally.counts,
    vector: formatVector(tally.vector),
    elapsedSeconds: Math.round(elapsedMs / 10) / 100,
    rejections: tally.rejections,
  };
}

export function renderSummary(summary: ImportSummary): string {
  const { rows, accepted, replayed, rejected, unanswered, rejections } = summary;
  const fields: [string, string][] = [
    ['Import id', summary.importId],
    ['Rows', `${rows} in ${summary.elapsedSeconds} s`],
    ['Accepted', `${accepted}`],
    ['Replayed', `${replayed}`],
    ['Rejected', `${rejected}`],
  ];
  if (unanswered > 0) fields.push(['Unanswered', `${unanswered} (run the same command again)`]);
  if (summary.vector !== '') fields.push(['Positions', summary.vector]);
  if (rejections.length === 0) return renderFields(fields);
  const more = rejected - rejections.length;
  return [
    renderFields(fields),
    '\n',
    renderTable(
      [
        { heading: 'Line', value: ({ line }: Rejection) => line, align: 'right' },
        { heading: 'Code', value: ({ code }: Rejection) => code },
        { heading: 'Reason', value: ({ reason }: Rejection) => reason },
      ],
      rejections,
    ),
    more > 0 ? `... and ${more} more: write them all to a file with --rejects FILE\n` : '',
  ].join('');
}
