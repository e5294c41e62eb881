import type { AggregatorConfig, CalculatorConfig } from '#contract/config.ts';
import type { SecretFile } from '#platform/secretFile.ts';

/**
 * How to connect to Kafka. Secrets are files that every new client reads again, so new secrets need no restart.
 */
export interface KafkaSettings {
  /** `host:port` of some brokers. They return the addresses of all brokers. */
  readonly bootstrapServers: readonly string[];
  /** The topic that is the log. */
  readonly topic: string;
  /** The consumer group of the aggregators. */
  readonly group: string;
  /** The name of this client in broker logs and quotas. */
  readonly clientId: string;
  /** Undefined means plaintext. An undefined `ca` means the CAs of the system. */
  readonly tls: { readonly ca: SecretFile | undefined } | undefined;
  /** Undefined means no authentication. */
  readonly scram: ScramSettings | undefined;
}

interface ScramSettings {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: SecretFile;
  readonly password: SecretFile;
}

/** Returns the Kafka part of a program's environment. Throws an Error if SCRAM is configured without its two files. */
export function kafkaSettings(config: CalculatorConfig | AggregatorConfig): KafkaSettings {
  return {
    bootstrapServers: config.SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS,
    topic: config.SUMPIPELINE_KAFKA_TOPIC,
    group: config.SUMPIPELINE_KAFKA_GROUP,
    clientId: `sumpipeline/${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`,
    tls: config.SUMPIPELINE_KAFKA_TLS ? { ca: caFile(config) } : undefined,
    scram: scramOf(config),
  };
}

function caFile(config: CalculatorConfig): SecretFile | undefined {
  const path = config.SUMPIPELINE_KAFKA_CA_FILE;
  if (path === undefined) return undefined;
  return { what: 'Kafka CA certificate', path, source: config.SUMPIPELINE_KAFKA_CA_SOURCE };
}

function scramOf(config: CalculatorConfig): ScramSettings | undefined {
  const mechanism = config.SUMPIPELINE_KAFKA_SCRAM_MECHANISM;
  if (mechanism === undefined) return undefined;
  const username = config.SUMPIPELINE_KAFKA_USERNAME_FILE;
  const password = config.SUMPIPELINE_KAFKA_PASSWORD_FILE;
  if (username === undefined || password === undefined) {
    throw new Error(
      'SUMPIPELINE_KAFKA_SCRAM_MECHANISM is set: set SUMPIPELINE_KAFKA_USERNAME_FILE and ' +
        'SUMPIPELINE_KAFKA_PASSWORD_FILE too',
    );
  }
  return {
    mechanism,
    username: { what: 'Kafka user name', path: username, source: config.SUMPIPELINE_KAFKA_USERNAME_SOURCE },
    password: { what: 'Kafka password', path: password, source: config.SUMPIPELINE_KAFKA_PASSWORD_SOURCE },
  };
}

/** Returns every secret file that these settings name. */
export function secretFilesOf(settings: KafkaSettings): readonly SecretFile[] {
  const files = [settings.tls?.ca, settings.scram?.username, settings.scram?.password];
  return files.filter((file) => file !== undefined);
}

/** Returns where a file comes from, for messages. */
export function sourceOf(file: SecretFile): string {
  return file.source ?? file.path;
}
