import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Kafka as KafkaClient, logLevel } from 'kafkajs';
import { silentLogger } from '#platform/log.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { openLogTopic } from '#services/eventlog/topic.ts';
import { until } from '#test/support/condition.ts';
import type { SharedKafka } from '#tools/testing/servers.ts';

export interface LogSettingsOptions {
  readonly kafka: SharedKafka;
  readonly topic: string;
  /** Folder for secret files. */
  readonly dir: string;
  /** Default: the super user. */
  readonly username?: string;
  readonly password?: string;
}

/** Makes settings for the secure listener (SASL_SSL, SCRAM), with secrets as files, as pods have them. */
export async function secureLogSettings(options: LogSettingsOptions): Promise<KafkaSettings> {
  const { kafka, topic, dir, username = kafka.username, password = kafka.password } = options;
  await mkdir(dir, { recursive: true });
  const file = async (name: string, what: string, text: string) => {
    const path = join(dir, name);
    await writeFile(path, text);
    return { what, path, source: `Secret orders-kafka, key ${name}` };
  };
  return {
    bootstrapServers: kafka.bootstrapServers.split(','),
    topic,
    group: topic,
    clientId: 'sumpipeline/test',
    tls: { ca: await file('ca.crt', 'Kafka CA certificate', kafka.caPem) },
    scram: {
      mechanism: 'SCRAM-SHA-512',
      username: await file('username', 'Kafka user name', username),
      password: await file('password', 'Kafka password', password),
    },
  };
}

/** Makes settings for the plaintext listener on loopback. */
export function plainLogSettings(bootstrapServers: string, topic: string): KafkaSettings {
  return {
    bootstrapServers: bootstrapServers.split(','),
    topic,
    group: topic,
    clientId: 'sumpipeline/test',
    tls: undefined,
    scram: undefined,
  };
}

/** Creates the topic through the port, with one replica, or adds partitions to it. */
export async function createLog(
  settings: KafkaSettings,
  partitions: number,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const topic = openLogTopic({ settings, logger: silentLogger });
  try {
    const isThere = await topic.readSettings().then(
      () => true,
      () => false,
    );
    await topic.ensure({
      isCounted: isThere,
      partitions,
      replicas: 1,
      minInSyncReplicas: 1,
      retentionMs: -1,
      config,
    });
    // A leader that responds knows that it leads, so the first append of a test is not refused.
    await until('every partition to have its leader', async () => (await topic.offsets()).size === partitions);
  } finally {
    await topic.close();
  }
}

/** Makes a client for what the port does not offer: deleting records, ACLs, foreign producers. */
export function plainClient(bootstrapServers: string): KafkaClient {
  return new KafkaClient({ clientId: 'test', brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING });
}
