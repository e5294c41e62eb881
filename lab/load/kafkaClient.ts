import { Kafka, logLevel } from 'kafkajs';
import type { Parts } from '#lab/up/sample.ts';

/** Makes the Kafka client of the lab, which runs beside the pods. */
export function createKafkaClient(parts: Parts): Kafka {
  const { bootstrapServers, kafkaCaPem, kafkaUsername: username, kafkaPassword: password } = parts;
  return new Kafka({
    clientId: 'sumpipeline-loop',
    brokers: bootstrapServers.split(','),
    ssl: { ca: [kafkaCaPem] },
    sasl: { mechanism: 'scram-sha-512', username, password },
    logLevel: logLevel.NOTHING,
  });
}
