import { haltedPartition } from './faults.ts';
import type { Sight } from './sights.ts';

/** Panels that cannot change in this test, each with the reason. */
const still: Readonly<Record<string, string>> = {
  'pipeline / Durability': 'Kafka has one broker here, so the durability is weak from the start',
  // services/calculator/appendFaults.integration.test.ts has three brokers, and tests copies.
  'pipeline / Repeated additions / copies': 'one broker that hangs leaves no other partition to append to',
  'dependencies / Copies': 'one broker that hangs leaves no other partition to append to',
  'dependencies / Partitions whose end is known': 'an end is kept for longer than Kafka hangs here',
  'operator / Queue': 'the queue is empty again before the next scrape',
  'operator / Leaders': 'the same pod leads from the first scrape on',
  'operator / Failed lists and watches / handlers {{resource}}': 'a handler fails only through a bug',
};

/** Values of a label that a panel must have shown, each above 0 at some time. The faults of this test cause them. */
const mustShow: Readonly<Record<string, { readonly label: string; readonly values: readonly string[] }>> = {
  'pipeline / Additions by result': { label: 'result', values: ['ok', 'invalid-field', 'id-conflict'] },
  'pipeline / Requests that are not API calls': { label: 'result', values: ['not-found'] },
  'pipeline / Records counted by disposition': {
    label: 'disposition',
    values: ['applied', 'duplicate', 'conflict', 'parked'],
  },
  'pipeline / Which partitions are halted': { label: 'partition', values: [String(haltedPartition)] },
  'pipeline / Reads by method and result': {
    label: 'method',
    values: ['GetTotal', 'ListTotals', 'GetAddition', 'GetProof'],
  },
  'dependencies / Appends by result': { label: 'result', values: ['ok', 'failed'] },
  'dependencies / Transactions by result': { label: 'result', values: ['ok', 'failed'] },
  'operator / Passes by result': { label: 'result', values: ['done', 'retry'] },
  'operator / Pipelines by state': { label: 'state', values: ['ready', 'reconciling', 'stalled'] },
  'operator / Requests by code': { label: 'code', values: ['200', '500'] },
  'operator / Failed lists and watches': { label: 'class', values: ['notFound'] },
};

/** Returns the problems of the panels. Empty lists mean that every panel worked. */
export function findProblems(sights: readonly Sight[]): {
  readonly silent: string[];
  readonly unmoved: string[];
  readonly unseen: string[];
} {
  const nameOf = ({ dashboard, panel, legend }: Sight) => `${dashboard} / ${panel} / ${legend}`;
  const isStill = ({ dashboard, panel, legend }: Sight) =>
    `${dashboard} / ${panel}` in still || `${dashboard} / ${panel} / ${legend}` in still;
  const silent = sights.filter((sight) => sight.series.length === 0 && !isStill(sight)).map(nameOf);
  const unmoved = sights.filter((sight) => sight.series.length > 0 && !sight.hasMoved && !isStill(sight)).map(nameOf);
  const unseen = Object.entries(mustShow).flatMap(([panel, { label, values }]) => {
    const series = sights
      .filter((sight) => `${sight.dashboard} / ${sight.panel}` === panel)
      .flatMap((sight) => sight.series);
    const shown = new Set(series.filter(({ highest }) => highest > 0).map(({ labels }) => labels[label]));
    return values.filter((value) => !shown.has(value)).map((value) => `${panel}: ${label} ${value}`);
  });
  return { silent, unmoved, unseen };
}
