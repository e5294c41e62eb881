import { addDecimals, formatDecimal, parseDecimal } from '../../core/decimal.ts';
import type { LoadAddition, LoadApi, ReadOutcome } from './api.ts';
import { decimalOf, type Journal } from './journal.ts';

export interface VerifyOptions {
  readonly api: LoadApi;
  readonly journal: Journal;
  /** How long one read is repeated while the service cannot respond yet, in milliseconds. */
  readonly patienceMs: number;
  /** Maximum number of ids that are read one by one, evenly spread. The totals cover all ids. */
  readonly idsMax: number;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

export interface Verification {
  /** Acknowledged additions that the totals must include. */
  readonly acknowledged: number;
  /** The differences, one sentence each. Empty if the journal and the pipeline agree. */
  readonly problems: readonly string[];
}

const retryPauseMs = 500;
/** Maximum number of problems in a report: enough to show the pattern. */
const problemsMax = 20;

/**
 * Compares the journal of one user with the pipeline, once the user's last position is counted. Each series must have
 * exactly the sum and the number of its acknowledged additions. Each checked id must count with its own value.
 */
export async function verifyJournal(options: VerifyOptions): Promise<Verification> {
  const { journal } = options;
  const problems: string[] = [];
  for (const { requestId } of journal.open) {
    problems.push(`${requestId} was sent but never acknowledged: it is unknown whether it counts`);
  }
  for (const [series, { sum, count }] of journal.expectedTotals()) {
    const total = await patiently(options, () => options.api.readTotal(series, journal.vector));
    if (total.kind !== 'found') {
      problems.push(`series ${series}: ${describe(total)}; expected ${formatDecimal(sum)}`);
    } else if (canonical(total.value.total) !== formatDecimal(sum) || total.value.count !== count) {
      problems.push(
        `series ${series}: the total is ${total.value.total} from ${total.value.count} additions, ` +
          `expected ${formatDecimal(sum)} from ${count}`,
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

/** Repeats a read while the service cannot respond yet. */
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

/** Returns at most `most` items, evenly spread over the list. The first and the last item are among them. */
function sample<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)]).filter(
    (item) => item !== undefined,
  );
}

function describe(outcome: Exclude<ReadOutcome<unknown>, { kind: 'found' }>): string {
  return outcome.kind === 'absent' ? 'the pipeline does not have it' : outcome.reason;
}

/** Returns the canonical text of a decimal. Returns other text unchanged: it then differs from every expected value. */
function canonical(text: string): string {
  const parsed = parseDecimal(text);
  return parsed.ok ? formatDecimal(parsed.value) : text;
}
