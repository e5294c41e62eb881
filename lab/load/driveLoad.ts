import type { LoadApi } from '#k6/load/api.ts';
import { seededRandom, seedOf } from '#k6/load/random.ts';
import { durationSeconds, type LoadScenario, visitsUntil } from '#k6/load/scenarios.ts';
import { type LoadSummary, summarize } from '#k6/load/summary.ts';
import { thresholdsFor } from '#k6/load/thresholds.ts';
import { VirtualUser } from '#k6/load/user.ts';
import { pause } from '#platform/time.ts';
import { Measurements } from './measurements.ts';

export interface DriveOptions {
  readonly name: string;
  readonly scenario: LoadScenario;
  readonly api: LoadApi;
  readonly runId: string;
  readonly seed: number;
  /** Ends the load early. The sent additions are still checked. */
  readonly signal: AbortSignal;
  /** Called about every second. */
  readonly onProgress: (progress: LoadProgress) => void;
  readonly complain: (problem: string) => void;
}

export interface LoadProgress {
  readonly phase: 'load' | 'verify';
  readonly seconds: number;
  readonly ofSeconds: number;
  readonly visits: number;
  readonly busyUsers: number;
}

/**
 * Time between two checks for due arrivals, in milliseconds. An arrival is late by at most this time. The time is
 * shorter than every latency that is checked.
 */
const tickMs = 20;
const progressMs = 1_000;
/** Maximum number of journals that are compared at the same time. It is low, so that the check adds little load. */
const verifyConcurrency = 16;

/** Plays a scenario in the open model, waits for running visits, then checks every journal and the proof. */
export async function driveLoad(options: DriveOptions): Promise<LoadSummary> {
  const { name, scenario, api, runId, seed, complain } = options;
  const measurements = new Measurements();
  const users = Array.from(
    { length: scenario.users },
    (_, index) =>
      new VirtualUser({
        id: index + 1,
        runId,
        mix: scenario.mix,
        api,
        measure: (metric, value) => measurements.add(metric, value),
        random: seededRandom(seedOf(seed, index + 1)),
        now: () => performance.timeOrigin + performance.now(),
        pause,
        complain,
      }),
  );
  await playVisits(options, users, measurements);
  await verifyAll(options, users);
  const proof = await api.readProof();
  const isExact = proof.kind === 'found' && proof.value.exact;
  measurements.add('sumpipeline_journal_agrees', isExact ? 1 : 0);
  if (!isExact) complain(`the proof is not exact: ${JSON.stringify(proof)}`);
  const thresholds = thresholdsFor(visitsUntil(scenario, durationSeconds(scenario)));
  return summarize({ scenario: name, runId, seed, thresholds, metrics: measurements.statistics() });
}

async function playVisits(
  { scenario, signal, onProgress }: DriveOptions,
  users: readonly VirtualUser[],
  measurements: Measurements,
): Promise<void> {
  const free = [...users];
  const busy = new Set<Promise<void>>();
  const startedAt = performance.now();
  const ofSeconds = durationSeconds(scenario);
  let arrived = 0;
  let toldAt = startedAt;
  for (;;) {
    const seconds = (performance.now() - startedAt) / 1000;
    const due = Math.floor(visitsUntil(scenario, seconds));
    for (; arrived < due; arrived++) {
      const user = free.shift();
      if (user === undefined) {
        measurements.drop();
        continue;
      }
      const visit = user.visit().finally(() => {
        busy.delete(visit);
        free.push(user);
      });
      busy.add(visit);
    }
    if (performance.now() - toldAt >= progressMs) {
      toldAt = performance.now();
      onProgress({ phase: 'load', seconds, ofSeconds, visits: arrived, busyUsers: busy.size });
    }
    if (seconds >= ofSeconds || signal.aborted) break;
    await pause(tickMs, signal);
  }
  await Promise.all(busy);
}

async function verifyAll({ onProgress }: DriveOptions, users: readonly VirtualUser[]): Promise<void> {
  const waiting = [...users];
  const work = async () => {
    for (;;) {
      const user = waiting.shift();
      if (user === undefined) return;
      await user.verify();
      const done = users.length - waiting.length;
      onProgress({ phase: 'verify', seconds: done, ofSeconds: users.length, visits: 0, busyUsers: verifyConcurrency });
    }
  };
  await Promise.all(Array.from({ length: verifyConcurrency }, work));
}
