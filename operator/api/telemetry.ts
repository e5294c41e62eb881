import { z } from 'zod';
import { withRules } from './schema.ts';

/** Values that OpenTelemetry allows for OTEL_TRACES_SAMPLER. */
const samplerTypes = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Share of the traces that are kept if the spec sets no share. 1 % keeps the costs low (docs/traces.md). */
export const samplerArgumentDefault = '0.01';

const sampler = withRules(
  z.object({
    type: z
      .enum(samplerTypes)
      .default('parentbased_traceidratio')
      .describe(
        'Which traces are kept. Types that begin with parentbased follow the sampling decision that the client sends.',
      ),
    argument: z
      .string()
      .max(20)
      .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a number from 0 to 1, such as "0.01"')
      .describe(`Share of the traces that a ratio keeps, from "0" to "1". Unset: "${samplerArgumentDefault}".`)
      .optional(),
  }),
  {
    rule: "!has(self.argument) || self.type.endsWith('traceidratio')",
    reason: 'FieldValueForbidden',
    message: 'is for the types that end with traceidratio: remove it or change type',
    fieldPath: '.argument',
    holds: (self) => self.argument === undefined || self.type.endsWith('traceidratio'),
  },
);

export const telemetrySchema = z
  .object({
    endpoint: z
      .string()
      .max(512)
      // The pattern refuses a user and a password in the URL: a resource must not contain secrets.
      .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#@]*)?$/, 'must be a URL such as http://otel-collector.observability:4318')
      .describe(
        'URL of a collector that takes OTLP over HTTP, e.g. http://otel-collector.observability:4318. Traces go to the path v1/traces below it.',
      ),
    sampler: sampler.describe('How many traces are kept.').prefault({}),
  })
  .describe('Traces of additions from the request to the commit: see docs/traces.md. Unset: no traces.');
