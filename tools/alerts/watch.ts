import { z } from 'zod';
import { pause } from '#platform/time.ts';

const answerSchema = z.object({
  data: z.object({
    alerts: z.array(z.object({ labels: z.object({ alertname: z.string() }), state: z.enum(['pending', 'firing']) })),
  }),
});

const pollMs = 500;

/** Names of the alerts that fire now. Rejects when Prometheus does not answer. */
async function readFiring(prometheusUrl: string): Promise<ReadonlySet<string>> {
  const response = await fetch(`${prometheusUrl}/api/v1/alerts`, { signal: AbortSignal.timeout(5_000) });
  const { alerts } = answerSchema.parse(await response.json()).data;
  return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
}

export interface Wanted {
  readonly prometheusUrl: string;
  /** That fire, and that do not. */
  readonly firing: readonly string[];
  readonly silent: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly tell: (waitsFor: string) => void;
}

export interface Seen {
  /** Seconds until an alert was first seen as wanted, by its name; one that never was is missing. */
  readonly seconds: ReadonlyMap<string, number>;
  /** All that fired at some time. */
  readonly fired: ReadonlySet<string>;
}

/** Waits until every alert is as wanted, or the time is over. */
export async function watchAlerts(wanted: Wanted): Promise<Seen> {
  const { prometheusUrl, firing, silent, timeoutMs, signal, tell } = wanted;
  const seconds = new Map<string, number>();
  const fired = new Set<string>();
  const begin = performance.now();
  for (;;) {
    const now = await readFiring(prometheusUrl);
    const elapsed = (performance.now() - begin) / 1000;
    for (const name of now) fired.add(name);
    const isAsWanted = (name: string) => now.has(name) === firing.includes(name);
    for (const name of [...firing, ...silent]) if (isAsWanted(name) && !seconds.has(name)) seconds.set(name, elapsed);
    const waitsFor = [...firing, ...silent].filter((name) => !seconds.has(name));
    if (waitsFor.length === 0 || elapsed * 1000 > timeoutMs) return { seconds, fired };
    tell(waitsFor.join(', '));
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}
