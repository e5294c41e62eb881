import { addDecimals, formatDecimal, parseDecimal } from '../../core/decimal.ts';
import type { LoadAddition, LoadApi, ReadOutcome } from './api.ts';
import { decimalOf, type Journal } from './journal.ts';

export interface VerifyOptions {
  readonly api: LoadApi;
  readonly journal: Journal;
  /** How long one read is repeated while the service cannot answer yet, in milliseconds. */
  readonly patienceMs: number;
  /** Ids that are asked for one by one, evenly spread. The totals cover all of them. */
  readonly idsMax: number;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

export interface Verification {
  /** Acknowledged additions that the totals had to hold. */
  readonly acknowledged: number;
  /** What differs, one sentence each; empty when the journal and the pipeline agree. */
  readonly problems: readonly string[];
}

const retryPauseMs = 500;
/** Enough to see the pattern, and no flood in a report. */
const problemsMax = 20;

/**
 * Compares the journal of one user with the pipeline, once its own last position is counted: each series has exactly
 * the sum and the number of what was acknowledged, and each id that is asked for counts with its own value.
 */
export async function verifyJournal(options: VerifyOptions): Promise<Verification> {
  const { journal } = options;
  const problems: string[] = [];
  for (const { requestId } of journal.open) {
    problems.push(`${requestId} was sent and never acknowledged: whether it counts is not known`);
  }
  for (const [series, { sum, count }] of journal.expectedTotals()) {
    const total = await patiently(options, () => options.api.readTotal(series, journal.vector));
    if (total.kind !== 'found') {
      problems.push(`series ${series}: ${describe(total)}; expected ${formatDecimal(sum)}`);
    } else if (canonical(total.value.total) !== formatDecimal(sum) || total.value.count !== count) {
      problems.push(
        `series ${series}: the total is ${total.value.total} of ${total.value.count} additions, ` +
          `expected ${formatDecimal(sum)} of ${count}`,
      );
    }
  }
  for (const addition of sample(journal.acknowledgedAdditions, options.idsMax)) {
    const problem = await verifyAddition(options, addition);
    if (problem !== undefined) problems.push(problem);
  }
  return { acknowledged: journal.acknowledgedAdditions.length, problems: problems.slice(0, problemsMax) };
}

async function verifyAddition(options: VerifyOptions, addition: LoadAddition): Promise<string | undefined> {
  const { requestId, series, a, b } = addition;
  const found = await patiently(options, () => options.api.findAddition(requestId));
  if (found.kind !== 'found') return `${requestId} was acknowledged: ${describe(found)}`;
  const expected = formatDecimal(addDecimals(decimalOf(a), decimalOf(b)));
  if (found.value.series === series && canonical(found.value.result) === expected) return undefined;
  return `${requestId} counts as ${found.value.result} in ${found.value.series}, expected ${expected} in ${series}`;
}

/** Repeats a read that the service cannot answer yet. */
async function patiently<Value>(
  { now, pause, patienceMs }: VerifyOptions,
  read: () => Promise<ReadOutcome<Value>>,
): Promise<ReadOutcome<Value>> {
  const until = now() + patienceMs;
  for (;;) {
    const outcome = await read();
    if (outcome.kind === 'found' || outcome.kind === 'refused' || now() >= until) return outcome;
    await pause(retryPauseMs);
  }
}

/** Evenly spread, the first and the last included. */
function sample<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)]).filter(
    (item) => item !== undefined,
  );
}

function describe(outcome: Exclude<ReadOutcome<unknown>, { kind: 'found' }>): string {
  return outcome.kind === 'absent' ? 'the pipeline does not know it' : outcome.reason;
}

/** An answer that is no decimal stays as it is, and differs from every expected value. */
function canonical(text: string): string {
  const parsed = parseDecimal(text);
  return parsed.ok ? formatDecimal(parsed.value) : text;
}
