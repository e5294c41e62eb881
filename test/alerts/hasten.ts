import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { Configuration } from '#lab/monitoring/configuration.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;

const mainSchema = z.looseObject({
  global: z.looseObject({}).default({}),
  scrape_configs: z.array(z.looseObject({})).default([]),
});
const rulesSchema = z.looseObject({
  groups: z.array(z.looseObject({ rules: z.array(z.looseObject({ expr: z.string() })) })),
});

/** Names of the settings whose duration is divided by the factor. */
const durations = ['evaluation_interval', 'interval', 'for'];
/** Minimum time between scrapes, in milliseconds: pods with little processor time need seconds for a scrape. */
const scrapeMinMs = 3_000;

/**
 * Speeds up time for Prometheus by a factor. Every interval, window and wait of the alerts is divided, and scrapes
 * are more frequent, so alerts fire as in production, but from fewer samples. Groups that only record are not
 * changed: the rules of autoscaling wait for pods, which do not start sooner.
 */
export function hasten({ main, rules }: Configuration, factor: number): Configuration {
  const { global, scrape_configs: jobs, ...rest } = mainSchema.parse(parse(main));
  return {
    main: stringify(
      {
        ...rest,
        global: hastenScrapes(divide(global, factor), factor),
        scrape_configs: jobs.map((job) => hastenScrapes(job, factor)),
      },
      { lineWidth: 0 },
    ),
    rules: Object.fromEntries(Object.entries(rules).map(([name, text]) => [name, hastenRules(text, factor)])),
  };
}

/** Makes scrapes more frequent. A scrape may take as long as the time to the next scrape. */
function hastenScrapes(settings: Record<string, unknown>, factor: number): Record<string, unknown> {
  const { scrape_interval: interval, scrape_timeout: timeout } = settings;
  if (typeof interval !== 'string') return settings;
  const ms = Math.min(inMs(interval), Math.max(inMs(interval) / factor, scrapeMinMs));
  return {
    ...settings,
    scrape_interval: `${ms}ms`,
    ...(typeof timeout === 'string' ? { scrape_timeout: `${Math.min(inMs(timeout), ms)}ms` } : {}),
  };
}

function hastenRules(text: string, factor: number): string {
  const { groups, ...rest } = rulesSchema.parse(parse(text));
  const hastened = groups.map(({ rules, ...group }) =>
    rules.some((rule) => 'alert' in rule)
      ? {
          ...divide(group, factor),
          rules: rules.map((rule) => ({ ...divide(rule, factor), expr: hastenExpression(rule.expr, factor) })),
        }
      : { ...group, rules },
  );
  return stringify({ ...rest, groups: hastened }, { lineWidth: 0 });
}

function divide(settings: Record<string, unknown>, factor: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) =>
      durations.includes(name) && typeof value === 'string' ? [name, divided(value, factor)] : [name, value],
    ),
  );
}

/** Divides the durations of an expression: in brackets and after `offset`. Other numbers are values or in labels. */
export function hastenExpression(expression: string, factor: number): string {
  const parts = expression.split(/("(?:[^"\\]|\\.)*")/);
  return parts.map((part, index) => (index % 2 === 1 ? part : hastenPart(part, factor))).join('');
}

function hastenPart(part: string, factor: number): string {
  return part
    .replace(
      /\[([^\]]+)\]/g,
      (_, range: string) =>
        `[${range
          .split(':')
          .map((part) => divided(part, factor))
          .join(':')}]`,
    )
    .replace(/\boffset (\w+)/g, (_, duration: string) => `offset ${divided(duration, factor)}`);
}

function divided(duration: string, factor: number): string {
  return `${Math.max(1, Math.round(inMs(duration) / factor))}ms`;
}

function inMs(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit as Unit], 0);
}
