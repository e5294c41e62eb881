import { getProof, getTotal } from '#cli/api/aggregator.ts';
import { Refused } from '#cli/api/failure.ts';
import { concurrencyDefault } from '#cli/connection/connection.ts';
import { openAggregator, openCalculator } from '#cli/connection/open.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, describeChain, exitCodes } from '#cli/exit.ts';
import { importFile } from '#cli/import/importFile.ts';
import { renderSummary } from '#cli/import/summary.ts';
import { createReader, type Reader } from '#cli/verbs/read.ts';
import { readPages } from '#cli/verbs/total.ts';
import type { GetProofResponse } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { defaultSeries } from '#core/series.ts';
import { type Position, parseVector } from '#core/vector.ts';
import type { Progress } from '#lab/progress.ts';
import { checkOnce } from './checkOnce.ts';
import type { OnceTotal } from './document.ts';

export interface OnceOptions {
  readonly connection: ConnectionOptions;
  /** CSV or NDJSON. */
  readonly input: string;
  readonly progress: Progress;
}

export interface OnceResult {
  readonly totals: readonly OnceTotal[];
  readonly proof: GetProofResponse;
  /** Why the run failed. Undefined if it passed. */
  readonly error: string | undefined;
}

/** How long a row is retried, in milliseconds: a new calculator may be slow, and Kafka may elect a leader. */
const retryForMs = 60_000;
/** Maximum wait until all additions are counted, in milliseconds. 10,000 additions need a few seconds. */
const applyTimeoutMs = 120_000;

/** Adds the input, waits until every acknowledged position is applied, and reads totals and proof. */
export async function runOnce({ connection, input, progress }: OnceOptions, context: Context): Promise<OnceResult> {
  await using calculator = await openCalculator(connection, context.signal);
  await using aggregator = await openAggregator(connection, context.signal);
  const { summary, failure } = await progress.step(`Add the rows of ${input}`, () =>
    importFile(
      {
        path: input,
        importId: undefined,
        format: undefined,
        rejectsPath: undefined,
        concurrency: concurrencyDefault,
        retryForMs,
        connect: () => calculator.service,
      },
      context,
    ),
  );
  context.stderr.write(renderSummary(summary));
  context.signal.throwIfAborted();
  if (failure !== undefined) progress.note(`The import ended early: ${describeChain(failure)}`);
  const reader = createReader(aggregator, context);
  const vector = parseVector(summary.vector);
  if (!vector.ok) throw new Error(`the summary's vector ${vector.problem}`);
  await progress.step('Wait until every acknowledged addition is counted', () =>
    waitUntilApplied(reader, vector.value, context),
  );
  const totals: OnceTotal[] = [];
  const proof = await progress.step('Read totals and proof', async () => {
    for await (const page of readPages(reader, context.signal)) {
      totals.push(...page.map(({ series, total, count }) => ({ series, total, count: String(count) })));
    }
    return await reader.read((aggregator) => getProof(aggregator, { recount: true, signal: context.signal }));
  });
  // Additions that were acknowledged before an early end are also counted and shown.
  return {
    totals,
    proof,
    error: failure === undefined ? checkOnce({ summary, totals, proof }) : describeChain(failure),
  };
}

/**
 * Waits until all these positions are applied, by reading one total. A single series is enough: the records of a
 * partition are applied in order, whatever their series is.
 */
async function waitUntilApplied(reader: Reader, atLeast: readonly Position[], { now, signal }: Context): Promise<void> {
  if (atLeast.length === 0) return;
  const until = now() + applyTimeoutMs;
  for (;;) {
    const isApplied = await reader
      .read(async (aggregator) => {
        const request = { series: defaultSeries, atLeast, waitMs: until - now(), signal };
        await getTotal(aggregator, request).catch((error: unknown) => {
          // Ignore 404: it comes only after the wait. The positions are applied, and this series does not exist.
          if (!(error instanceof Refused) || error.status !== 404) throw error;
        });
        return true;
      })
      .catch((error: unknown) => {
        if (error instanceof CliError && error.exitCode === exitCodes.notYet && now() < until) return false;
        throw error;
      });
    if (isApplied) return;
  }
}
