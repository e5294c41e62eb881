import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { visitsUntil } from '#k6/load/scenarios.ts';
import { pause } from '#platform/time.ts';
import { closeClients, currentUser, installK6StandIn, samples } from './modules.ts';

const root = join(import.meta.dirname, '../../..');

/** The options of an entry file that the stand-in supports. It refuses an unknown executor. */
const optionsSchema = z.object({
  scenarios: z.object({
    load: z.object({
      executor: z.literal('ramping-arrival-rate'),
      exec: z.literal('default'),
      timeUnit: z.literal('1m'),
      startRate: z.int(),
      stages: z.array(z.object({ duration: z.string().regex(/^\d+ms$/), target: z.int() })),
      preAllocatedVUs: z.int(),
      maxVUs: z.int(),
      gracefulStop: z.string(),
    }),
    verify: z.object({
      executor: z.literal('per-vu-iterations'),
      exec: z.literal('verify'),
      vus: z.int(),
      iterations: z.literal(1),
      startTime: z.string(),
      maxDuration: z.string(),
    }),
  }),
  thresholds: z.record(z.string(), z.array(z.string().regex(/^(rate|count|p\(\d+(\.\d+)?\))(>=|<=|==)[\d.]+$/))),
  summaryTrendStats: z.array(z.string()),
  teardownTimeout: z.string(),
});

type Entry = {
  readonly default: () => Promise<void>;
  readonly verify: () => Promise<void>;
  readonly teardown: () => Promise<void>;
  readonly handleSummary: (data: object) => Record<string, string>;
  readonly options: unknown;
};

/** Runs an entry file of k6/ as k6 would: one copy of the file for each user. Returns the result of handleSummary. */
export async function runEntry(
  name: string,
  environment: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  installK6StandIn(environment);
  samples.clear();
  const load = (user: number): Promise<Entry> =>
    import(`${pathToFileURL(join(root, 'k6', `${name}.ts`)).href}?user=${user}`);
  const { scenarios, thresholds } = optionsSchema.parse((await load(0)).options);
  const users = await Promise.all(Array.from({ length: scenarios.load.maxVUs }, (_, index) => load(index + 1)));

  await playVisits(scenarios.load, users);
  // Run as many final checks as the second scenario has turns. The summary reports users without a check.
  for (const [index, user] of users.slice(0, scenarios.verify.vus).entries()) {
    await currentUser.run(index + 1, user.verify);
  }
  await currentUser.run(0, (await load(0)).teardown);
  closeClients();
  const missing = Object.keys(thresholds).filter((metric) => metric !== 'dropped_iterations' && !samples.has(metric));
  if (missing.length > 0) throw new Error(`k6 refuses thresholds on metrics that do not exist: ${missing}`);
  return (await load(0)).handleSummary({ metrics: summaryOf() });
}

async function playVisits(
  { startRate, stages }: z.infer<typeof optionsSchema>['scenarios']['load'],
  users: readonly Entry[],
): Promise<void> {
  const perSecond = (target: number) => target / 60;
  const line = stages.map(({ duration, target }) => ({
    seconds: Number(duration.replace('ms', '')) / 1000,
    rate: perSecond(target),
  }));
  const scenario = { startRate: perSecond(startRate), stages: line };
  const free = users.map((user, index) => ({ user, id: index + 1 }));
  const busy = new Set<Promise<void>>();
  const total = line.reduce((sum, { seconds }) => sum + seconds, 0);
  const startedAt = performance.now();
  for (let arrived = 0; ; ) {
    const seconds = (performance.now() - startedAt) / 1000;
    for (const due = Math.floor(visitsUntil(scenario, seconds)); arrived < due; arrived++) {
      const next = free.shift();
      if (next === undefined) continue;
      const visit = currentUser.run(next.id, next.user.default).finally(() => {
        busy.delete(visit);
        free.push(next);
      });
      busy.add(visit);
    }
    if (seconds >= total) break;
    await pause(20);
  }
  await Promise.all(busy);
}

function summaryOf(): Record<string, { values: Record<string, number> }> {
  return Object.fromEntries(
    [...samples].map(([name, { kind, values }]) => {
      const sum = values.reduce((before, value) => before + value, 0);
      const sorted = values.toSorted((left, right) => left - right);
      const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      if (kind === 'counter') return [name, { values: { count: sum } }];
      if (kind === 'rate') return [name, { values: values.length === 0 ? {} : { rate: sum / values.length } }];
      return [name, { values: values.length === 0 ? {} : { avg: sum / values.length, 'p(99)': at(0.99) } }];
    }),
  );
}
