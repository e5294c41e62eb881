import { annotations } from '#operator/api/annotations.ts';
import type { StrimziKafka } from '#operator/api/strimzi.ts';
import type { ClusterRef, SumPipeline } from '#operator/api/types.ts';
import type { KafkaFacts } from './facts.ts';
import { kafkaNamespaceOf, topicOf } from './identity.ts';

/** Result of a look-up of the Strimzi Kafka that a pipeline names. */
export type ObservedKafka =
  | { readonly state: 'found'; readonly kafka: StrimziKafka }
  /** The API server reports that the Kafka does not exist. */
  | { readonly state: 'absent' }
  /** The operator has no permission to read the Kafka: the Role in manifests/kafka-access is not installed. */
  | { readonly state: 'forbidden' }
  /** The API server does not serve `kafka.strimzi.io/v1`. */
  | { readonly state: 'crdNotInstalled' };

export type KafkaProblemReason =
  | 'CRDNotInstalled'
  | 'AccessForbidden'
  | 'KafkaNotFound'
  | 'NotPermitted'
  | 'TopicNameNotPermitted'
  | 'ListenerNotFound'
  | 'KafkaNotReady';

export type ResolvedKafka =
  | { readonly ok: true; readonly kafka: KafkaFacts }
  | { readonly ok: false; readonly reason: KafkaProblemReason; readonly message: string };

/**
 * Returns how the pods reach Kafka, or why that is not known yet and what to do. `observed` is used only if the spec
 * has `kafka.cluster`.
 */
export function resolveKafka(pipeline: SumPipeline, observed?: ObservedKafka): ResolvedKafka {
  const { cluster, bootstrapServers = [], tls } = pipeline.spec.kafka;
  if (cluster === undefined) return { ok: true, kafka: { bootstrapServers, tls: tls?.enabled ?? false } };
  const namespace = kafkaNamespaceOf(pipeline) ?? pipeline.metadata.namespace;
  const name = `Kafka ${namespace}/${cluster.name}`;
  const problem = (reason: KafkaProblemReason, message: string) => ({ ok: false, reason, message }) as const;

  switch (observed?.state) {
    case undefined:
    case 'absent':
      return problem(
        'KafkaNotFound',
        `${name} does not exist: create it, or delete the SumPipeline and create it again with the right spec.kafka.cluster`,
      );
    case 'forbidden':
      return problem(
        'AccessForbidden',
        `the operator has no permission to read ${name}: as an owner of namespace ${namespace}, run "kubectl apply -k manifests/kafka-access -n ${namespace}"`,
      );
    case 'crdNotInstalled':
      return problem(
        'CRDNotInstalled',
        'kafka.strimzi.io/v1 is not installed: install Strimzi, or delete the SumPipeline (its data is kept) and create it again with spec.kafka.bootstrapServers',
      );
    case 'found':
      break;
  }
  if (!isNamespaceAllowed(pipeline.metadata.namespace, observed.kafka)) {
    return problem(
      'NotPermitted',
      `${name} does not permit pipelines of namespace ${pipeline.metadata.namespace}: add the namespace to the annotation ${annotations.allowedNamespaces} of the Kafka`,
    );
  }
  const topicProblem = strimziTopicProblem(pipeline);
  if (topicProblem !== undefined) return problem('TopicNameNotPermitted', topicProblem);
  return resolveListener(cluster, observed.kafka, name);
}

/**
 * Whether pipelines of a namespace may use a Kafka. Pipelines in the namespace of the Kafka always may. Other pipelines
 * may only if the annotation on the Kafka names their namespace or is `*`.
 */
export function isNamespaceAllowed(namespace: string, kafka: StrimziKafka): boolean {
  if (kafka.metadata.namespace === namespace) return true;
  const allowed = (kafka.metadata.annotations?.[annotations.allowedNamespaces] ?? '').split(',');
  return allowed.some((entry) => entry.trim() === namespace || entry.trim() === '*');
}

/**
 * Checks the name of a Managed topic. Pipelines of many namespaces share a Kafka, so the name must begin with the
 * namespace of its pipeline. Undefined means that the name is right.
 */
function strimziTopicProblem(pipeline: SumPipeline): string | undefined {
  const prefix = `${pipeline.metadata.namespace}.`;
  const topic = topicOf(pipeline);
  if (pipeline.spec.kafka.topic.management !== 'Managed' || topic.startsWith(prefix)) return undefined;
  return `spec.kafka.topic.name ${topic} does not begin with ${prefix}: delete the SumPipeline and create it again without spec.kafka.topic.name, or with a name that begins with ${prefix}`;
}

function resolveListener(cluster: ClusterRef, kafka: StrimziKafka, name: string): ResolvedKafka {
  const listeners = kafka.spec.kafka.listeners ?? [];
  const wanted = listeners.find((listener) => listener.name === cluster.listener);
  if (wanted === undefined) {
    const names = listeners.map((listener) => listener.name).join(', ');
    const message = `${name} has no listener ${cluster.listener}, it has ${names || 'none'}: correct spec.kafka.cluster.listener`;
    return { ok: false, reason: 'ListenerNotFound', message };
  }
  const status = kafka.status?.listeners?.find((listener) => listener.name === cluster.listener);
  if (status?.bootstrapServers === undefined || status.bootstrapServers === '') {
    const why = kafka.status?.conditions?.find((condition) => condition.type === 'NotReady')?.message;
    const message = `${name} has published no address for listener ${cluster.listener} yet${why === undefined ? '' : `: ${why}`}`;
    return { ok: false, reason: 'KafkaNotReady', message };
  }
  const isTls = wanted.tls === true;
  const caPem = isTls ? status.certificates?.map((pem) => `${pem.trim()}\n`).join('') : undefined;
  const bootstrapServers = status.bootstrapServers.split(',').map((server) => server.trim());
  return { ok: true, kafka: { bootstrapServers, tls: isTls, ...(caPem ? { caPem } : {}) } };
}
