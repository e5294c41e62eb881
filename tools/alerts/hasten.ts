import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { Configuration } from '#tools/monitoring/configuration.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof units;

const mainSchema = z.looseObject({
  global: z.looseObject({}).default({}),
  scrape_configs: z.array(z.looseObject({})).default([]),
});
const rulesSchema = z.looseObject({
  groups: z.array(z.looseObject({ rules: z.array(z.looseObject({ expr: z.string() })) })),
});

/** Settings of a duration, wherever they stand. */
const durations = ['scrape_interval', 'scrape_timeout', 'evaluation_interval', 'interval', 'for'];

/**
 * Lets time run so many times as fast for Prometheus: every scrape, evaluation, window and wait of the alerts is divided.
 * A window then holds as many samples as before, so the rules judge as they do in production, only sooner.
 * Groups that only record stay: those of autoscaling wait for pods, which start no sooner.
 */
export function hasten({ main, rules }: Configuration, factor: number): Configuration {
  const { global, scrape_configs: jobs, ...rest } = mainSchema.parse(parse(main));
  return {
    main: stringify(
      { ...rest, global: divide(global, factor), scrape_configs: jobs.map((job) => divide(job, factor)) },
      { lineWidth: 0 },
    ),
    rules: Object.fromEntries(Object.entries(rules).map(([name, text]) => [name, hastenRules(text, factor)])),
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

/** Durations stand in brackets and behind `offset`; a number elsewhere is a value, and quotes hold labels. */
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
  const parts = [...duration.matchAll(/(\d+)(ms|s|m|h|d)/g)];
  const total = parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit as Unit], 0);
  return `${Math.max(1, Math.round(total / factor))}ms`;
}
