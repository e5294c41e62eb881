import { z } from 'zod';
import { mapList } from './schema.ts';

/** Types of conditions, in the order in which they are shown. The first three come from kstatus. */
export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'KafkaReady',
  'WorkloadsReady',
  'AutoscalingActive',
  'ObservabilityReady',
  'TotalExact',
  'DurabilityWeak',
  'Drifted',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

const condition = z
  .object({
    type: z
      .string()
      .max(316)
      .regex(/^[A-Z][A-Za-z]*$/)
      .describe('What the condition is about, e.g. Ready or TotalExact.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition is true.'),
    observedGeneration: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .describe('Generation of the resource that the condition describes.')
      .optional(),
    lastTransitionTime: z
      .string()
      .max(64)
      .meta({ format: 'date-time' })
      .describe('When the status of the condition last changed.'),
    reason: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .describe('One CamelCase word, for programs.'),
    message: z.string().max(32768).describe('What was seen and what to do next, for people.'),
  })
  .describe('One condition.');

const componentStatus = (pods: string) =>
  z
    .object({
      replicas: z.string().max(32).describe(`Ready and wanted ${pods}, e.g. 3/3.`).optional(),
      endpoints: z
        .object({
          http: z.string().max(512).describe('URL of the HTTP API inside the cluster.').optional(),
          grpc: z.string().max(512).describe('host:port of the gRPC API inside the cluster.').optional(),
        })
        .describe('Addresses for clients inside the cluster.')
        .optional(),
    })
    .describe(`State of the ${pods}.`);

export const statusSchema = z
  .object({
    observedGeneration: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .describe('Generation of the resource that this status describes.')
      .optional(),
    conditions: mapList(condition, ['type'], 32).describe('Conditions of the pipeline, with reasons.').optional(),
    calculator: componentStatus('calculators').optional(),
    aggregator: componentStatus('aggregators').optional(),
    image: z.string().max(512).describe('Image that the pods are to run.').optional(),
    bootstrap: z.string().max(8192).describe('Addresses of Kafka in use, host:port,host:port.').optional(),
    topic: z.string().max(249).describe('Name of the topic in use.').optional(),
    log: z
      .object({
        epoch: z
          .int()
          .min(1)
          .max(2 ** 31 - 1)
          .describe('Which log of this pipeline, counted from 1.'),
        topic: z.string().max(249).describe('Name of the topic.'),
        clusterId: z.string().max(256).describe("Kafka's id of its cluster."),
        topicId: z
          .string()
          .max(256)
          .describe(
            "Kafka's id of the topic. A topic that was deleted and re-created has another id and is not counted.",
          ),
      })
      .describe('The log that is counted, as the aggregators last reported it. Calculators write to no other log.')
      .optional(),
    logInUseBy: z
      .string()
      .max(320)
      .describe(
        'namespace/name of the SumPipeline that has the same topic. The operator stops this SumPipeline: see condition Stalled.',
      )
      .optional(),
  })
  .describe('Observed state. Written only by the operator.');
