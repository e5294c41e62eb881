import type { z } from 'zod';
import type { Component } from '#contract/names.ts';
import type { pipelineSchema } from './pipeline.ts';

type Parsed = z.output<typeof pipelineSchema>;

/** A SumPipeline after parsing: defaults are filled in, and the namespace is known. */
export type SumPipeline = Omit<Parsed, 'metadata'> & {
  readonly metadata: Parsed['metadata'] & { readonly namespace: string };
};

type Spec = Parsed['spec'];
type KafkaSpec = Spec['kafka'];
export type ClusterRef = NonNullable<KafkaSpec['cluster']>;
export type ComponentSpec = Spec[Component];
export type AggregatorAutoscaling = NonNullable<Spec['aggregator']['autoscaling']>;
export type Status = NonNullable<Parsed['status']>;
export type Condition = NonNullable<Status['conditions']>[number];
