import pg from 'pg';
import type { AggregatorConfig } from '#contract/config.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { parseStoreUri, type StoreTarget, type StoreTls, StoreUriError } from '#platform/storeUri.ts';
import { StoreUnavailableError } from './port.ts';

/**
 * Maximum duration of a transaction, in milliseconds. A batch takes milliseconds. If an owner hangs, the limit ends its
 * transaction, which would block other owners.
 */
export const transactionTimeoutMs = 20_000;
/**
 * Maximum number of connections of one aggregator: enough for concurrent partitions, readers and one recount. The
 * number is small because PostgreSQL allows only 100 connections in total by default.
 */
const connectionsMax = 10;
/** Maximum time to open a connection, in milliseconds. */
const connectTimeoutMs = 5_000;
/** After this idle time TCP checks whether a connection still works. The default of TCP is two hours. */
const keepAliveAfterMs = 10_000;

/** Where the URI and the CA come from, for messages: the text in the `*_SOURCE` variable, or the path of the file. */
export interface StoreSources {
  readonly uri: string;
  readonly ca: string | undefined;
}

export function storeSources(config: AggregatorConfig): StoreSources {
  return {
    uri: config.SUMPIPELINE_STORE_URI_SOURCE ?? config.SUMPIPELINE_STORE_URI_FILE,
    ca: config.SUMPIPELINE_STORE_CA_SOURCE ?? config.SUMPIPELINE_STORE_CA_FILE,
  };
}

/** Where PostgreSQL is, and the CA that must have signed its certificate. */
interface Store {
  readonly target: StoreTarget;
  readonly ca: string | undefined;
}

/** Reads the secrets. Throws SecretFileError, or StoreUnavailableError for a URI that cannot be used. */
export async function readStore(config: AggregatorConfig): Promise<Store> {
  const sources = storeSources(config);
  const uri = await readSecretFile({
    what: 'PostgreSQL URI',
    path: config.SUMPIPELINE_STORE_URI_FILE,
    source: config.SUMPIPELINE_STORE_URI_SOURCE,
  });
  const caFile = config.SUMPIPELINE_STORE_CA_FILE;
  const ca =
    caFile === undefined
      ? undefined
      : await readSecretFile({ what: 'PostgreSQL CA', path: caFile, source: config.SUMPIPELINE_STORE_CA_SOURCE });
  return { target: parseUri(uri, ca !== undefined, sources), ca };
}

/**
 * Reads the secrets and creates a connection pool. Opens no connection yet. The URI decides about TLS (ADR 0019). If a
 * CA is configured, the certificate is always verified. Throws the errors of readStore.
 */
export async function createPool(config: AggregatorConfig, logger: Logger): Promise<pg.Pool> {
  const { target: store, ca } = await readStore(config);
  const { tls, ...target } = store;
  const pool = new pg.Pool({
    ...target,
    ssl: tlsOptions(tls, ca),
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    application_name:
      `sumpipeline ${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME} ${config.SUMPIPELINE_POD_NAME}`.slice(
        0,
        63,
      ),
    options: [
      `-c transaction_timeout=${transactionTimeoutMs}`,
      // If the node of a client fails, its locks must end soon. With TCP's default they would stay for two hours.
      `-c idle_in_transaction_session_timeout=${transactionTimeoutMs}`,
      '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3',
      '-c default_transaction_isolation=read\\ committed',
      '-c synchronous_commit=on',
      '-c TimeZone=UTC',
    ].join(' '),
  });
  // Ignore error events of connections in use: their query throws too. Without a listener the event would end the
  // process, and the pool listens only to idle connections.
  pool.on('connect', (client) => client.on('error', () => {}));
  // Without this listener, an idle connection that the server closes would end the process.
  pool.on('error', (error) => logger.warn({ error }, 'an idle PostgreSQL connection was closed'));
  return pool;
}

function parseUri(text: string, hasCa: boolean, sources: StoreSources): StoreTarget {
  try {
    return parseStoreUri(text, { hasCa });
  } catch (error) {
    if (!(error instanceof StoreUriError)) throw error;
    throw new StoreUnavailableError('InvalidUri', `${sources.uri} ${error.message}`, { cause: error });
  }
}

function tlsOptions(tls: StoreTls, ca: string | undefined): pg.PoolConfig['ssl'] {
  switch (tls) {
    case 'off':
      return false;
    case 'unverified':
      return { rejectUnauthorized: false };
    case 'verified':
      return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
    default:
      return tls satisfies never;
  }
}
