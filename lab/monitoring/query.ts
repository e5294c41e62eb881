import { z } from 'zod';

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** NaN where Prometheus says so, such as 0 divided by 0. */
  readonly value: number;
}

export interface PrometheusClient {
  /** Every series that the expression gives now. An empty list: there is none. */
  query(expression: string): Promise<readonly Sample[]>;
  /** The value of an expression that gives at most one series; undefined for none, and for NaN. */
  queryNumber(expression: string): Promise<number | undefined>;
}

/** Prometheus writes what JSON has no number for as text. */
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

/** Asks a Prometheus for values. Rejects when it does not answer. */
export function createPrometheusClient(url: string): PrometheusClient {
  async function query(expression: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const response = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Prometheus answers ${response.status} to ${expression}: ${text.slice(0, 300)}`);
    return answerSchema
      .parse(JSON.parse(text))
      .data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] }));
  }
  return {
    query,
    async queryNumber(expression) {
      const samples = await query(expression);
      if (samples.length > 1) throw new Error(`${expression} gives ${samples.length} series where one was expected`);
      const value = samples[0]?.value;
      return Number.isNaN(value) ? undefined : value;
    },
  };
}
