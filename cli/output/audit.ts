import type { AuditResult } from '#audit/result.ts';
import { renderFields, renderTable } from './table.ts';

type Range = AuditResult['removed'][number];

const verdicts = {
  exact: 'exact',
  notExact: 'NOT EXACT',
  incomplete: 'incomplete: not everything could be checked',
} as const;

/** Renders the verdict, what it is based on, and the findings. */
export function renderAudit(result: AuditResult): string {
  const { verdict, message, startedAt, seconds, partitions, findings, counts, series } = result;
  const parts = [
    renderFields([
      ['Verdict', verdicts[verdict]],
      ['Message', message],
      ['Began', `${startedAt}, took ${seconds} s`],
    ]),
    partitions.length === 0 ? 'No partition has been counted yet.\n' : renderPartitions(partitions),
  ];
  if (findings.length > 0) parts.push(renderFindings(findings, counts));
  if (series.length > 0) parts.push(renderSeries(series));
  if (result.seriesRecordsNotListed > 0) {
    parts.push(`${result.seriesRecordsNotListed} more records differ in series that are not listed.\n`);
  }
  if (result.notChecked.length > 0) parts.push(renderRanges('Not checked:', result.notChecked));
  if (result.removed.length > 0) parts.push(renderRanges('Not in the log any more:', result.removed));
  if (result.rangesNotListed > 0) parts.push(`${result.rangesNotListed} more ranges are not listed.\n`);
  return parts.join('\n');
}

function renderPartitions(partitions: AuditResult['partitions']): string {
  type Row = (typeof partitions)[number];
  const number = (heading: string, value: (row: Row) => string) => ({ heading, value, align: 'right' as const });
  return renderTable<Row>(
    [
      ...(partitions.some(({ logEpoch }) => logEpoch > 1) ? [number('Log', ({ logEpoch }) => String(logEpoch))] : []),
      number('Partition', ({ partition }) => String(partition)),
      { heading: 'Offsets', value: ({ firstOffset, comparedTo }) => describeRange(firstOffset, comparedTo) },
      number('Applied', ({ applied }) => applied),
      number('Duplicate', ({ duplicate }) => duplicate),
      number('Conflict', ({ conflict }) => conflict),
      number('Parked', ({ parked }) => parked),
      number('Unread', ({ unknown }) => unknown),
    ],
    partitions,
  );
}

function describeRange(from: string, to: string): string {
  return BigInt(to) > BigInt(from) ? `${from}-${BigInt(to) - 1n}` : 'none';
}

function renderFindings(findings: AuditResult['findings'], counts: AuditResult['counts']): string {
  type Row = (typeof findings)[number];
  const table = renderTable<Row>(
    [
      { heading: 'Finding', value: ({ kind }) => kind },
      { heading: 'Partition', value: ({ partition }) => partition ?? '-', align: 'right' },
      { heading: 'Offset', value: ({ offset }) => offset ?? '-', align: 'right' },
      { heading: 'What', value: ({ message }) => message },
    ],
    findings,
  );
  const more = Object.entries(counts).flatMap(([kind, count]) => {
    const others = count - findings.filter((finding) => finding.kind === kind).length;
    return others > 0 ? [`${others} more of ${kind} are not listed.\n`] : [];
  });
  return `${table}${more.join('')}`;
}

function renderSeries(series: AuditResult['series']): string {
  type Row = (typeof series)[number];
  return renderTable<Row>(
    [
      { heading: 'Series', value: (row) => row.series },
      {
        heading: 'Not counted',
        value: ({ notCounted }) => `${notCounted.sum} of ${notCounted.records}`,
        align: 'right',
      },
      { heading: 'Not in log', value: ({ notInLog }) => `${notInLog.sum} of ${notInLog.rows}`, align: 'right' },
      { heading: 'Log minus ledger', value: ({ difference }) => difference, align: 'right' },
    ],
    series,
  );
}

function renderRanges(heading: string, ranges: readonly Range[]): string {
  const table = renderTable<Range>(
    [
      { heading: 'Partition', value: ({ partition }) => partition, align: 'right' },
      { heading: 'Offsets', value: ({ fromOffset, toOffset }) => `${fromOffset}-${toOffset}` },
      { heading: 'Ledger rows', value: ({ rows }) => rows, align: 'right' },
      { heading: 'Why', value: ({ reason }) => reason },
    ],
    ranges,
  );
  return `${heading}\n${table}`;
}
