import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AuditResult, auditResultSchema } from '#audit/result.ts';
import { renderAudit } from './audit.ts';

function result(overrides: Partial<AuditResult> = {}): AuditResult {
  const counted = { applied: '38', duplicate: '2', conflict: '1', parked: '1', unknown: '0' };
  return auditResultSchema.parse({
    pipeline: 'shop/orders',
    verdict: 'exact',
    message: 'all is well',
    startedAt: '2026-06-01T10:00:00.000Z',
    seconds: 1.5,
    partitions: [{ logEpoch: 1, partition: 0, firstOffset: '0', comparedTo: '42', nextOffset: '42', ...counted }],
    counts: {},
    findings: [],
    series: [],
    seriesRecordsNotListed: 0,
    removed: [],
    notChecked: [],
    rangesNotListed: 0,
    ...overrides,
  });
}

describe('the result of an audit prints', () => {
  test('in a few lines when nothing is wrong', () => {
    assert.equal(
      renderAudit(result()),
      `Verdict:   exact
Message:   all is well
Began:     2026-06-01T10:00:00.000Z, took 1.5 s

PARTITION   OFFSETS   APPLIED   DUPLICATE   CONFLICT   PARKED   UNREAD
        0   0-41           38           2          1        1        0
`,
    );
  });

  test('with findings, series and ranges, and how many are not listed', () => {
    const range = { logEpoch: 1, partition: 0, fromOffset: '0', toOffset: '9', rows: '8' };
    const text = renderAudit(
      result({
        verdict: 'notExact',
        counts: { NotCounted: 21, LogChanged: 1 },
        findings: [
          { kind: 'LogChanged', message: 'another topic' },
          {
            kind: 'NotCounted',
            logEpoch: 1,
            partition: 0,
            offset: '17',
            series: 's',
            message: 'the log has \u001b[31mx',
          },
        ],
        series: [
          {
            series: 's',
            notCounted: { records: '21', sum: '63' },
            notInLog: { rows: '1', sum: '3' },
            difference: '60',
          },
        ],
        removed: [{ ...range, reason: 'retention' }],
        notChecked: [{ ...range, reason: 'no leader' }],
        rangesNotListed: 4,
      }),
    );
    const [, table = ''] = text.split('UNREAD\n');
    assert.equal(
      table,
      `        0   0-41           38           2          1        1        0

FINDING      PARTITION   OFFSET   WHAT
LogChanged           -        -   another topic
NotCounted           0       17   the log has \\u001b[31mx
20 more of NotCounted are not listed.

SERIES   NOT COUNTED   NOT IN LOG   LOG MINUS LEDGER
s           63 of 21       3 of 1                 60

Not checked:
PARTITION   OFFSETS   LEDGER ROWS   WHY
        0   0-9                 8   no leader

Not in the log any more:
PARTITION   OFFSETS   LEDGER ROWS   WHY
        0   0-9                 8   retention

4 more ranges are not listed.
`,
    );
    assert.match(text, /^Verdict: {3}NOT EXACT$/m);
  });

  test('without a table when nothing was counted', () => {
    assert.match(renderAudit(result({ partitions: [] })), /No partition has been counted yet\./);
  });
});
