import type { CertificateSources } from '#platform/certificateWatch.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { readCredentials } from './produce/broker.ts';
import { BrokerConnections, parseAddress } from './produce/connections.ts';
import { TopicMetadata } from './produce/metadata.ts';
import type { KafkaSettings } from './settings.ts';

interface Where {
  readonly settings: KafkaSettings;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Returns the CA and every broker, because each broker has its own certificate. Returns undefined without TLS. */
export async function findKafkaCertificates(where: Where): Promise<CertificateSources | undefined> {
  const { tls } = where.settings;
  if (tls === undefined) return undefined;
  const addresses = await listBrokers(where);
  const caPem = tls.ca === undefined ? undefined : await readSecretFile(tls.ca);
  return { caPem, servers: addresses.map(parseAddress) };
}

/**
 * Returns `host:port` of the brokers that Kafka lists. Returns the bootstrap servers if Kafka does not respond, for
 * example after a certificate expired.
 */
async function listBrokers({ settings, logger, signal }: Where): Promise<readonly string[]> {
  const connections = new BrokerConnections(await readCredentials(settings));
  const metadata = new TopicMetadata({ settings, connections, onChange: () => {} });
  const close = () => connections.close();
  signal.addEventListener('abort', close);
  try {
    await metadata.refresh();
  } catch (error) {
    logger.debug({ error }, 'cannot list the Kafka brokers now; checking the configured bootstrap servers');
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
  return metadata.addresses;
}
