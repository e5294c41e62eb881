import { z } from 'zod';
import { apiVersion, kind } from '#contract/names.ts';
import { withRules } from './schema.ts';
import { specSchema } from './spec.ts';
import { statusSchema } from './status.ts';

/** Maximum length of a name. The Service `<name>-aggregator-headless` may have at most 63 characters. */
const nameLengthMax = 40;

const namePattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const nameMessage = `must have at most ${nameLengthMax} characters, begin with a lower-case letter, hold only lower-case letters, digits and -, and not end in -: names of Services are made from it`;

/** The part of metadata that we read. The API server checks metadata, so the CRD does not describe it. */
const metadataSchema = z.object({
  name: z.string().min(1),
  /**
   * Absent in a file that leaves the namespace to kubectl. For this file `parsePipeline` needs
   * `ParseOptions.namespace`.
   */
  namespace: z.string().min(1).optional(),
  uid: z.string().optional(),
  generation: z.int().optional(),
  resourceVersion: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** The schema of a SumPipeline. The CRD, the types, the parser and the reference page are made from it. */
export const pipelineSchema = withRules(
  z.object({
    apiVersion: z.literal(apiVersion),
    kind: z.literal(kind),
    metadata: metadataSchema,
    spec: specSchema,
    status: statusSchema.optional(),
  }),
  {
    rule: `self.metadata.name.matches('${namePattern.source}') && self.metadata.name.size() <= ${nameLengthMax}`,
    message: nameMessage,
    fieldPath: '.metadata.name',
    holds: ({ metadata }) => namePattern.test(metadata.name) && metadata.name.length <= nameLengthMax,
  },
).describe(
  'An exact running total: calculators take additions into a Kafka topic, aggregators count each once into PostgreSQL, and the status says whether the total is proven exact.',
);
