import { z } from 'zod';
import { waitFor } from '#lab/process/wait.ts';
import type { Journal } from './recordLoad.ts';

export interface Verdict {
  readonly isExact: boolean;
  /** One line for people. */
  readonly text: string;
}

export interface VerifyOptions {
  /** Series of other clients are there too, such as of a person who tries sumctl. Default false. */
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

const drainTimeoutMs = 180_000;
const readTimeoutMs = 60_000;

/** Where the aggregators of a pipeline answer, `http://10.96.0.7:8080`. */
interface Aggregators {
  readonly aggregatorUrl: string;
}

/** The proof as it is now. */
export async function readProof({ aggregatorUrl }: Aggregators): Promise<z.infer<typeof proofSchema>> {
  const response = await fetch(`${aggregatorUrl}/v1/proof`, { signal: AbortSignal.timeout(readTimeoutMs) });
  return proofSchema.parse(await response.json());
}

/** Waits until the log is counted to its end, then compares every total with the journal and reads the proof. */
export async function verify(
  { aggregatorUrl }: Aggregators,
  journal: Journal,
  options: VerifyOptions = {},
): Promise<Verdict> {
  const read = async (path: string): Promise<unknown> => {
    const response = await fetch(`${aggregatorUrl}${path}`, { signal: AbortSignal.timeout(readTimeoutMs) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  };
  await waitFor({ what: 'the log to be counted', timeoutMs: drainTimeoutMs, intervalMs: 1_000 }, async () => {
    const { partitions } = proofSchema.parse(await read('/v1/proof'));
    const lag = partitions.reduce((sum, { logEnd, nextOffset }) => sum + logEnd - nextOffset, 0n);
    if (partitions.length === 0 || lag > 0n) throw new Error(`${lag} records are not counted`);
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
      : [`${series}: ${count} additions of ${sum}, counted ${total?.count ?? 0n} of ${total?.total ?? '-'}`];
  });
  // Only ours are compared when others write too.
  if (!options.mayHaveOthers && found.size !== journal.totals.size)
    problems.push(`${found.size} series where ${journal.totals.size} were written`);
  if (!proof.exact) problems.push(`the proof says ${proof.reason}: ${proof.message}`);
  const duplicates = proof.partitions.reduce((sum, { duplicate }) => sum + duplicate, 0n);
  const text =
    problems.length === 0
      ? `${journal.acknowledged} additions (${journal.overApi} over the API) and ${duplicates} copies; ${proof.message}`
      : problems.join('; ');
  return { isExact: problems.length === 0, text };
}
