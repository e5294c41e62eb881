import type { Acknowledged, Calculator } from '#cli/api/calculator.ts';
import { GaveUp, Refused, type TryAgain } from '#cli/api/failure.ts';
import { withRetries } from '#cli/api/retry.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import { parseAddition } from '#core/addition.ts';
import { SumError } from '#core/errors.ts';
import { importRequestId } from './requestId.ts';
import type { Row } from './rows.ts';
import type { Tally } from './tally.ts';

export interface SendOptions {
  readonly importId: string;
  readonly calculator: Calculator;
  /** Number of rows sent at the same time. */
  readonly concurrency: number;
  /** How long one row is retried before the import stops, in milliseconds. */
  readonly retryForMs: number;
  readonly now: () => number;
  readonly random: () => number;
  /** Ctrl-C: no further row is sent, and the calls in flight are aborted. */
  readonly signal: AbortSignal;
  readonly onRetry: (failure: TryAgain) => void;
}

/**
 * Sends every row, many at the same time. All attempts for a row use the same request id. A bad row is counted and
 * skipped. Throws if the calculator does not respond, if it refuses more than a single row, or after Ctrl-C. After an
 * error the tally has the results so far, and the same import can be run again.
 */
export async function sendRows(rows: AsyncGenerator<Row>, tally: Tally, options: SendOptions): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const work = async () => {
    for (;;) {
      if (signal.aborted) return;
      // The generator handles concurrent calls one after the other, so no two workers get the same row.
      const next = await rows.next();
      if (next.done === true) return;
      await sendRow(next.value, tally, { ...options, signal });
    }
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: options.concurrency }, () =>
      work().catch((error: unknown) => {
        // The first failure stops the other workers. Ignore their errors, which say only that they were stopped.
        if (!failed.signal.aborted) failed.abort(error);
        throw error;
      }),
    ),
  );
  options.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const unexpected = outcomes.find((outcome) => outcome.status === 'rejected');
  if (unexpected !== undefined) throw unexpected.reason;
}

async function sendRow(row: Row, tally: Tally, options: SendOptions): Promise<void> {
  tally.read();
  if (row.kind === 'bad') {
    tally.rejected(row, { code: 'bad-row', reason: row.problem });
    return;
  }
  const addition = checkRow(row, tally, options.importId);
  if (addition === undefined) return;
  let answer: Acknowledged;
  try {
    answer = await withRetries(() => options.calculator.add(addition, options.signal), {
      deadlineMs: options.retryForMs,
      now: options.now,
      random: options.random,
      signal: options.signal,
      onRetry: (failure) => {
        tally.retried();
        options.onRetry(failure);
      },
    });
  } catch (error) {
    if (error instanceof Refused && error.code !== undefined && rowCodes.has(error.code)) {
      tally.rejected(row, { code: error.code, reason: error.message });
      return;
    }
    tally.unanswered();
    throw explain(error, options.calculator.name);
  }
  tally.acknowledged(answer);
}

/** Checks a row as the calculator does, so that an invalid row costs no round trip. */
function checkRow(row: Row & { kind: 'addition' }, tally: Tally, importId: string) {
  const { series, a, b } = row;
  try {
    return parseAddition({ requestId: importRequestId(importId, row.row), series, a, b });
  } catch (error) {
    if (!(error instanceof SumError)) throw error;
    tally.rejected(row, { code: error.code, reason: error.message });
    return undefined;
  }
}

/**
 * Error codes that concern a single row. After such an error the import continues. Every other error ends the import,
 * because the next row would get the same error.
 */
const rowCodes: ReadonlySet<string> = new Set(['invalid-field', 'malformed-json', 'body-too-large', 'id-conflict']);

function explain(error: unknown, name: string): unknown {
  if (error instanceof GaveUp) {
    return new CliError(exitCodes.unreachable, `the import stopped, ${name} does not respond: ${error.message}`, {
      hint: 'Run the same command again: acknowledged rows are not added twice.',
      cause: error,
    });
  }
  if (error instanceof Refused) {
    return new CliError(exitCodes.unreachable, `the import stopped, ${name} responded: ${error.message}`, {
      hint: 'Check that this is a calculator. Then run the same command again: nothing is added twice.',
      cause: error,
    });
  }
  return error;
}
