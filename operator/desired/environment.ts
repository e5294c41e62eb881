import type { EnvironmentName } from '#contract/config.ts';
import { mountPath, mounts } from '#contract/mounts.ts';
import { type Component, childName } from '#contract/names.ts';
import { samplerArgumentDefault } from '#operator/api/telemetry.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Facts } from './facts.ts';
import { groupIdOf, kafkaNamespaceOf, refOf, schemaOf, topicOf } from './identity.ts';
import { kafkaCaName } from './kafkaCa.ts';
import { logFileName } from './logFile.ts';
import { isTopicOfAggregators, topicFileName } from './topicFile.ts';

/**
 * Time in ms after SIGTERM in which a pod is unready but still serves. Every kube-proxy needs some seconds until it
 * sends no new connections to the pod.
 */
export const drainMs = 5000;

/** An entry of a container's `env`. */
export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

type Environment = Partial<Record<EnvironmentName, string>>;

/** Builds the environment of a container. It has no secrets, only the paths of their files and texts for messages. */
export function buildEnvironment(pipeline: SumPipeline, facts: Facts, component: Component): Variable[] {
  const environment: Environment = {
    ...common(pipeline, facts),
    ...(component === 'aggregator' ? { ...store(pipeline), ...topicFile(pipeline) } : logFile(pipeline)),
  };
  const variables: Variable[] = Object.entries(environment).map(([name, value]) => ({ name, value }));
  if (component === 'calculator') return variables;
  const podName = 'SUMPIPELINE_POD_NAME' satisfies EnvironmentName;
  return [...variables, { name: podName, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }];
}

function common(pipeline: SumPipeline, facts: Facts): Environment {
  const { namespace, name } = refOf(pipeline);
  return {
    SUMPIPELINE_NAMESPACE: namespace,
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: facts.kafka.bootstrapServers.join(','),
    SUMPIPELINE_KAFKA_TOPIC: topicOf(pipeline),
    SUMPIPELINE_KAFKA_GROUP: groupIdOf(pipeline),
    SUMPIPELINE_KAFKA_TLS: String(facts.kafka.tls),
    ...kafkaCa(pipeline, facts),
    ...scram(pipeline),
    SUMPIPELINE_DRAIN_MS: String(drainMs),
    ...tracing(pipeline),
  };
}

function tracing(pipeline: SumPipeline): Environment {
  const { telemetry } = pipeline.spec;
  if (telemetry === undefined) return {};
  const { namespace } = refOf(pipeline);
  const { type, argument } = telemetry.sampler;
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: telemetry.endpoint,
    OTEL_RESOURCE_ATTRIBUTES: `service.namespace=${namespace},k8s.namespace.name=${namespace}`,
    OTEL_TRACES_SAMPLER: type,
    ...(type.endsWith('traceidratio') ? { OTEL_TRACES_SAMPLER_ARG: argument ?? samplerArgumentDefault } : {}),
  };
}

function kafkaCa(pipeline: SumPipeline, facts: Facts): Environment {
  const file = mountPath(mounts.kafkaCa);
  const { cluster, tls } = pipeline.spec.kafka;
  if (facts.kafka.caPem !== undefined) {
    const origin = `Kafka ${kafkaNamespaceOf(pipeline)}/${cluster?.name}, listener ${cluster?.listener}`;
    return {
      SUMPIPELINE_KAFKA_CA_FILE: file,
      SUMPIPELINE_KAFKA_CA_SOURCE: `ConfigMap ${kafkaCaName(pipeline)}, key ${mounts.kafkaCa.file} (from ${origin})`,
    };
  }
  if (tls?.caSecretRef === undefined || !tls.enabled) return {};
  return {
    SUMPIPELINE_KAFKA_CA_FILE: file,
    SUMPIPELINE_KAFKA_CA_SOURCE: secretSource(tls.caSecretRef.name, tls.caSecretRef.key),
  };
}

function scram(pipeline: SumPipeline): Environment {
  const scram = pipeline.spec.kafka.auth?.scram;
  if (scram === undefined) return {};
  const { name, usernameKey, passwordKey } = scram.secretRef;
  return {
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: scram.mechanism,
    SUMPIPELINE_KAFKA_USERNAME_FILE: mountPath(mounts.kafkaUsername),
    SUMPIPELINE_KAFKA_USERNAME_SOURCE: secretSource(name, usernameKey),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: mountPath(mounts.kafkaPassword),
    SUMPIPELINE_KAFKA_PASSWORD_SOURCE: secretSource(name, passwordKey),
  };
}

function store(pipeline: SumPipeline): Environment {
  const { secretRef, caSecretRef } = pipeline.spec.store.postgres;
  return {
    SUMPIPELINE_STORE_URI_FILE: mountPath(mounts.storeUri),
    SUMPIPELINE_STORE_URI_SOURCE: secretSource(secretRef.name, secretRef.uriKey),
    ...(caSecretRef === undefined
      ? {}
      : {
          SUMPIPELINE_STORE_CA_FILE: mountPath(mounts.storeCa),
          SUMPIPELINE_STORE_CA_SOURCE: secretSource(caSecretRef.name, caSecretRef.key),
        }),
    SUMPIPELINE_STORE_SCHEMA: schemaOf(pipeline),
    SUMPIPELINE_PROOF_CONFIG_MAP: childName.proof(refOf(pipeline)),
  };
}

function logFile(pipeline: SumPipeline): Environment {
  return {
    SUMPIPELINE_LOG_FILE: mountPath(mounts.log),
    SUMPIPELINE_LOG_SOURCE: `ConfigMap ${logFileName(pipeline)}, key ${mounts.log.file}`,
  };
}

function topicFile(pipeline: SumPipeline): Environment {
  if (!isTopicOfAggregators(pipeline)) return {};
  return {
    SUMPIPELINE_TOPIC_FILE: mountPath(mounts.topic),
    SUMPIPELINE_TOPIC_SOURCE: `ConfigMap ${topicFileName(pipeline)}, key ${mounts.topic.file}`,
  };
}

function secretSource(name: string, key: string): string {
  return `Secret ${name}, key ${key}`;
}
