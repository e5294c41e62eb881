import { z } from 'zod';

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** NaN if Prometheus returns NaN, such as for 0 divided by 0. */
  readonly value: number;
}

export interface PrometheusClient {
  /** Returns every series of the expression now. An empty list means no series. */
  query(expression: string): Promise<readonly Sample[]>;
  /** Returns the value of an expression that has at most one series. Undefined for no series, and for NaN. */
  queryNumber(expression: string): Promise<number | undefined>;
}

/** Parses a value. Prometheus writes NaN and infinite numbers as text, because JSON has no such numbers. */
function parseValue(text: string): number {
  return Number(text.replace(/Inf$/, 'Infinity'));
}

const answerSchema = z.object({
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.string().transform(parseValue)]),
      }),
    ),
  }),
});

const timeoutMs = 5_000;

/** Queries a Prometheus. Rejects if it does not respond. */
export function createPrometheusClient(url: string): PrometheusClient {
  async function query(expression: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const response = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`Prometheus responds with ${response.status} to ${expression}: ${text.slice(0, 300)}`);
    return answerSchema
      .parse(JSON.parse(text))
      .data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] }));
  }
  return {
    query,
    async queryNumber(expression) {
      const samples = await query(expression);
      if (samples.length > 1) throw new Error(`${expression} returned ${samples.length} series, but one was expected`);
      const value = samples[0]?.value;
      return Number.isNaN(value) ? undefined : value;
    },
  };
}
