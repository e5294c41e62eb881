import { z } from 'zod';
import { pause } from '#platform/time.ts';

const answerSchema = z.object({
  data: z.object({
    alerts: z.array(z.object({ labels: z.object({ alertname: z.string() }), state: z.enum(['pending', 'firing']) })),
  }),
});

const pollMs = 500;
/**
 * Time without firing after which an alert counts as ended, in milliseconds. Shorter pauses happen while pods start.
 */
const silentMs = 20_000;

/** Reads the names of the alerts that fire now. Rejects if Prometheus does not respond. */
async function readFiring(prometheusUrl: string): Promise<ReadonlySet<string>> {
  const response = await fetch(`${prometheusUrl}/api/v1/alerts`, { signal: AbortSignal.timeout(5_000) });
  const { alerts } = answerSchema.parse(await response.json()).data;
  return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
}

export interface Wanted {
  readonly prometheusUrl: string;
  /** The alerts that must fire, and the alerts that must not. */
  readonly firing: readonly string[];
  readonly silent: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly tell: (waitsFor: string) => void;
}

export interface Seen {
  /** Seconds until an alert fired or ended, by its name. An alert that did not fire or end in time is missing. */
  readonly seconds: ReadonlyMap<string, number>;
  /** All alerts that fired at some time. */
  readonly fired: ReadonlySet<string>;
}

/** Waits until every alert fires or is silent as required, or until the timeout. */
export async function watchAlerts(wanted: Wanted): Promise<Seen> {
  const { prometheusUrl, firing, silent, timeoutMs, signal, tell } = wanted;
  const seconds = new Map<string, number>();
  const fired = new Set<string>();
  const silentSince = new Map<string, number>();
  const begin = performance.now();
  for (;;) {
    const now = await readFiring(prometheusUrl);
    const elapsed = (performance.now() - begin) / 1000;
    for (const name of now) fired.add(name);
    for (const name of firing) if (now.has(name) && !seconds.has(name)) seconds.set(name, elapsed);
    for (const name of silent) {
      if (now.has(name)) silentSince.delete(name);
      else if (!silentSince.has(name)) silentSince.set(name, elapsed);
      const since = silentSince.get(name);
      if (since !== undefined && (elapsed - since) * 1000 >= silentMs && !seconds.has(name)) seconds.set(name, since);
    }
    const waitsFor = [...firing, ...silent].filter((name) => !seconds.has(name));
    if (waitsFor.length === 0 || elapsed * 1000 > timeoutMs) return { seconds, fired };
    tell(waitsFor.join(', '));
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}
