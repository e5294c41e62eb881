import { z } from 'zod';
import { waitFor } from '#lab/process/wait.ts';
import type { Journal } from './directLoad.ts';

export interface Verdict {
  readonly isExact: boolean;
  /** The result as one line for users. */
  readonly text: string;
}

export interface VerifyOptions {
  /** True if other clients also write series, such as a user who tries sumctl. Default false. */
  readonly mayHaveOthers?: boolean;
}

const whole = z.union([z.string(), z.number()]).default('0').transform(BigInt);
const proofSchema = z.object({
  exact: z.boolean().default(false),
  reason: z.string().default(''),
  message: z.string().default(''),
  partitions: z
    .array(
      z.object({
        partition: z.number().default(0),
        nextOffset: whole,
        logEnd: whole,
        applied: whole,
        duplicate: whole,
      }),
    )
    .default([]),
});
const totalsSchema = z.object({
  totals: z.array(z.object({ series: z.string(), total: z.string(), count: whole })).default([]),
});

/** Maximum wait until the whole log is counted, in milliseconds. */
const drainTimeoutMs = 180_000;
const readTimeoutMs = 60_000;

/** The address of a pipeline's aggregators, `http://10.96.0.7:8080`. */
interface Aggregators {
  readonly aggregatorUrl: string;
}

/** Reads the current proof. */
export async function readProof({ aggregatorUrl }: Aggregators): Promise<z.infer<typeof proofSchema>> {
  const response = await fetch(`${aggregatorUrl}/v1/proof`, { signal: AbortSignal.timeout(readTimeoutMs) });
  return proofSchema.parse(await response.json());
}

/** Waits until the whole log is counted, then compares every total with the journal and reads the proof. */
export async function verify(
  { aggregatorUrl }: Aggregators,
  journal: Journal,
  options: VerifyOptions = {},
): Promise<Verdict> {
  const read = async (path: string): Promise<unknown> => {
    const response = await fetch(`${aggregatorUrl}${path}`, { signal: AbortSignal.timeout(readTimeoutMs) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} responds with ${response.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  };
  await waitFor({ what: 'the log to be counted', timeoutMs: drainTimeoutMs, intervalMs: 1_000 }, async () => {
    const { partitions } = proofSchema.parse(await read('/v1/proof'));
    const lag = partitions.reduce((sum, { logEnd, nextOffset }) => sum + logEnd - nextOffset, 0n);
    if (partitions.length === 0 || lag > 0n) throw new Error(`${lag} records are not counted yet`);
    return true;
  });
  const { totals } = totalsSchema.parse(await read('/v1/totals?pageSize=1000'));
  const proof = proofSchema.parse(await read('/v1/proof?recount=true'));
  const found = new Map(totals.map(({ series, total, count }) => [series, { total, count }]));
  const problems = [...journal.totals].flatMap(([series, { sum, count }]) => {
    const total = found.get(series);
    const isSame = total !== undefined && total.total === String(sum) && total.count === count;
    return isSame
      ? []
      : [
          `${series}: wrote ${count} additions with sum ${sum}, but counted ${total?.count ?? 0n} with sum ${total?.total ?? '-'}`,
        ];
  });
  // When other clients write too, only our own series are compared.
  if (!options.mayHaveOthers && found.size !== journal.totals.size)
    problems.push(`found ${found.size} series, but ${journal.totals.size} were written`);
  if (!proof.exact) problems.push(`the proof is not exact: ${proof.reason}: ${proof.message}`);
  const duplicates = proof.partitions.reduce((sum, { duplicate }) => sum + duplicate, 0n);
  const text =
    problems.length === 0
      ? `${journal.acknowledged} additions (${journal.overApi} over the API) and ${duplicates} copies; ${proof.message}`
      : problems.join('; ');
  return { isExact: problems.length === 0, text };
}
