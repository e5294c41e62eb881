import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { formatProblems } from '#operator/api/problem.ts';
import {
  changed,
  type Draft,
  fullDraft,
  kedaDraft,
  minimalDraft,
  scaledDraft,
  strimziDraft,
} from '#operator/api/testing/samples.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Facts } from '#operator/desired/facts.ts';
import { resolveKafka } from '#operator/desired/kafka.ts';

/** A pipeline and the facts that were observed for it. */
export interface Example {
  readonly pipeline: SumPipeline;
  readonly facts: Facts;
}

const operatorImage = 'sumpipeline:0.1.0';
const apis = { strimzi: true, monitoring: true, prometheusRules: true, keda: true };
const scaling = { knowsTolerance: true, hasTolerance: true, hasResourceMetrics: true };

/** A pipeline with the required fields only, on a cluster without optional APIs. */
export function minimalExample(): Example {
  return exampleOf(minimalDraft(), {
    apis: { strimzi: false, monitoring: false, prometheusRules: false, keda: false },
  });
}

/** A pipeline with every field that can be combined with the others. */
export function fullExample(): Example {
  return exampleOf(fullDraft(), {
    log: { epoch: 1, topic: 'shop.orders', clusterId: 'MkU3OEVBNTcwNTJENDM2Qk', topicId: 'XmrNsMVlQy2UwQjSbKrUJw' },
  });
}

/** A pipeline that uses Strimzi in another namespace, with a Managed topic. */
export function strimziExample(): Example {
  const caPem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  const kafka = { bootstrapServers: ['main-kafka-scram-bootstrap.kafka.svc:9094'], tls: true, caPem };
  return exampleOf(strimziDraft(), { kafka });
}

/** A pipeline with an External topic and a ServiceAccount that a user made. */
export function foreignExample(): Example {
  return exampleOf(
    changed(minimalDraft(), {
      'kafka.topic': { management: 'External', name: 'sales' },
      serviceAccount: { name: 'mine' },
    }),
  );
}

/** A pipeline that scales both components, the aggregators through an HPA. */
export function scaledExample(): Example {
  return exampleOf(scaledDraft());
}

/** A pipeline whose aggregators KEDA scales, on an API server that does not know the field `tolerance`. */
export function kedaExample(): Example {
  return exampleOf(kedaDraft(), { scaling: { knowsTolerance: false, hasTolerance: false, hasResourceMetrics: false } });
}

export function exampleOf(draft: Draft, given: Partial<Facts> = {}): Example {
  draft.metadata.uid = '11111111-2222-4333-8444-555555555555';
  const parsed = parsePipelineStrictly(draft);
  if (!parsed.ok) throw new Error(formatProblems(parsed.problems));
  const resolved = resolveKafka(parsed.value);
  const kafka = given.kafka ?? (resolved.ok ? resolved.kafka : undefined);
  if (kafka === undefined) throw new Error('a pipeline with kafka.cluster needs facts of Kafka');
  return { pipeline: parsed.value, facts: { operatorImage, apis, scaling, ...given, kafka } };
}
