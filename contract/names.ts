import { createHash } from 'node:crypto';

/** Identifies a pipeline. */
export interface PipelineRef {
  readonly namespace: string;
  readonly name: string;
}

export const components = ['calculator', 'aggregator'] as const;
export type Component = (typeof components)[number];

export const apiGroup = 'sumpipeline.dev';
export const apiVersion = `${apiGroup}/v1alpha1`;
export const kind = 'SumPipeline';

/** Returns `namespace/name`, for log lines and messages. */
export function formatRef(ref: PipelineRef): string {
  return `${ref.namespace}/${ref.name}`;
}

/** Returns the default Kafka topic. It begins with the namespace, so that ACLs by prefix separate tenants. */
export function defaultTopic(ref: PipelineRef): string {
  return `${ref.namespace}.${ref.name}`;
}

/** Returns the Kafka consumer group of the aggregators. */
export function consumerGroup(ref: PipelineRef): string {
  return `${ref.namespace}.${ref.name}`;
}

/**
 * Maximum length of an identifier in PostgreSQL, in bytes. PostgreSQL cuts a longer identifier without an error, so two
 * pipelines could get one schema. `defaultSchema` therefore shortens a longer name itself, and ends it with a hash.
 */
const identifierBytesMax = 63;
const hashLength = 8;

/** Returns the default PostgreSQL schema of a pipeline, at most 63 bytes. */
export function defaultSchema(ref: PipelineRef): string {
  const full = `${ref.namespace}.${ref.name}`;
  if (full.length <= identifierBytesMax) return full;
  const hash = createHash('sha256').update(full).digest('hex').slice(0, hashLength);
  return `${full.slice(0, identifierBytesMax - hashLength - 1)}-${hash}`;
}

/** Names of a pipeline's children in its own namespace. */
export const childName = {
  workload: (ref: PipelineRef, component: Component): string => `${ref.name}-${component}`,
  service: (ref: PipelineRef, component: Component): string => `${ref.name}-${component}`,
  headlessService: (ref: PipelineRef, component: Component): string => `${ref.name}-${component}-headless`,
  proof: (ref: PipelineRef): string => `${ref.name}-proof`,
  scalingRules: (ref: PipelineRef): string => `${ref.name}-scaling`,
  alertRules: (ref: PipelineRef): string => `${ref.name}-alerts`,
} as const;
