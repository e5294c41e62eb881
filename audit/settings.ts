import type { AggregatorConfig } from '#contract/config.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { parseStoreUri, StoreUriError } from '#platform/storeUri.ts';
import { AuditError } from './audit.ts';
import type { StoreAccess } from './books/store.ts';
import type { KafkaAccess } from './log/brokers.ts';

/** Reads the access to Kafka from the files of an aggregator's pod. Throws SecretFileError for a missing file. */
export async function readKafkaAccess(config: AggregatorConfig): Promise<KafkaAccess> {
  const read = (what: string, path: string | undefined, source: string | undefined) =>
    path === undefined ? undefined : readSecretFile({ what, path, source });
  const {
    SUMPIPELINE_KAFKA_CA_FILE: caFile,
    SUMPIPELINE_KAFKA_USERNAME_FILE: usernameFile,
    SUMPIPELINE_KAFKA_PASSWORD_FILE: passwordFile,
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: mechanism,
  } = config;
  const ca = await read('Kafka CA certificate', caFile, config.SUMPIPELINE_KAFKA_CA_SOURCE);
  const username = await read('Kafka user name', usernameFile, config.SUMPIPELINE_KAFKA_USERNAME_SOURCE);
  const password = await read('Kafka password', passwordFile, config.SUMPIPELINE_KAFKA_PASSWORD_SOURCE);
  if (mechanism !== undefined && (username === undefined || password === undefined)) {
    throw new AuditError('SUMPIPELINE_KAFKA_SCRAM_MECHANISM needs the files with user name and password');
  }
  const hasSasl = mechanism !== undefined && username !== undefined && password !== undefined;
  return {
    bootstrapServers: config.SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS,
    topic: config.SUMPIPELINE_KAFKA_TOPIC,
    clientId: `sumpipeline-audit/${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`,
    tls: config.SUMPIPELINE_KAFKA_TLS
      ? { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: [ca] }) }
      : undefined,
    sasl: hasSasl ? { mechanism, username, password } : undefined,
  };
}

export async function readStoreAccess(config: AggregatorConfig): Promise<StoreAccess> {
  const { SUMPIPELINE_STORE_URI_FILE: path, SUMPIPELINE_STORE_CA_FILE: caPath } = config;
  const source = config.SUMPIPELINE_STORE_URI_SOURCE;
  const uri = await readSecretFile({ what: 'PostgreSQL URI', path, source });
  const caFile = { what: 'PostgreSQL CA', source: config.SUMPIPELINE_STORE_CA_SOURCE };
  const ca = caPath === undefined ? undefined : await readSecretFile({ ...caFile, path: caPath });
  try {
    return {
      target: parseStoreUri(uri, { hasCa: ca !== undefined }),
      ca,
      schema: config.SUMPIPELINE_STORE_SCHEMA,
      applicationName: `sumpipeline audit ${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`,
    };
  } catch (error) {
    if (!(error instanceof StoreUriError)) throw error;
    throw new AuditError(`${source ?? path} ${error.message}`, { cause: error });
  }
}
