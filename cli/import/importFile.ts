import type { Calculator } from '#cli/api/calculator.ts';
import type { Context } from '#cli/context.ts';
import { readLines } from './lines.ts';
import { startMeter } from './meter.ts';
import { openRejectsFile } from './rejects.ts';
import { type RowFormat, readRows } from './rows.ts';
import { sendRows } from './send.ts';
import { openSource } from './source.ts';
import { buildSummary, type ImportSummary } from './summary.ts';
import { Tally } from './tally.ts';

export interface ImportOptions {
  /** A path, or `-` for standard input. */
  readonly path: string;
  readonly importId: string | undefined;
  readonly format: RowFormat | undefined;
  /** Where every rejected row is written. */
  readonly rejectsPath: string | undefined;
  readonly concurrency: number;
  readonly retryForMs: number;
  /**
   * Connects to a calculator. It is called after the input was opened, so that a wrong file is reported even if the
   * cluster cannot be reached.
   */
  readonly connect: () => Calculator | Promise<Calculator>;
}

/** The result of an import. `failure` is the reason if the import ended before the last row. */
export interface ImportOutcome {
  readonly summary: ImportSummary;
  readonly failure: unknown;
}

/** Maximum number of rejected rows that the summary lists. --rejects writes all of them to a file. */
const rejectionsListed = 20;

/**
 * Streams a file or standard input into a calculator. Throws only before the first row is sent. A later failure is part
 * of the outcome, beside the summary, because the summary says which rows are already durable.
 */
export async function importFile(options: ImportOptions, context: Context): Promise<ImportOutcome> {
  const { stderr, now } = context;
  const source = await openSource({ ...options, stdin: context.stdin });
  const calculator = await options.connect();
  const rejects =
    options.rejectsPath === undefined ? undefined : await openRejectsFile(options.rejectsPath, options.path);
  // Print the import id first: with it the user can run the import again, whatever happens next.
  stderr.write(`import id: ${source.importId}\n`);
  const tally = new Tally({
    rejectionsMax: rejectionsListed,
    ...(rejects === undefined ? {} : { onRejection: rejects.add }),
  });
  const startedAt = now();
  const meter = startMeter({ stderr, now, size: source.size, bytes: source.progress, counts: () => tally.counts });
  const sayRetry = createRetryNotes(meter.note, now);
  let failure: unknown;
  try {
    await sendRows(readRows(readLines(source.chunks), source.format), tally, {
      importId: source.importId,
      calculator,
      concurrency: options.concurrency,
      retryForMs: options.retryForMs,
      now,
      random: context.random,
      signal: context.signal,
      onRetry: sayRetry,
    });
  } catch (error) {
    failure = error;
  } finally {
    meter.stop();
    await rejects?.close();
  }
  return { summary: buildSummary(source.importId, tally, now() - startedAt), failure };
}

/** Minimum time between two notes about retries, in milliseconds: many rows that are retried together need one note. */
const noteEveryMs = 5_000;

function createRetryNotes(note: (text: string) => void, now: () => number): (failure: Error) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (failure) => {
    if (now() - saidAt < noteEveryMs) return;
    saidAt = now();
    note(`waiting: ${failure.message}; retrying with the same ids`);
  };
}
