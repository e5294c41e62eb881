import pg from 'pg';
import type { AggregatorConfig } from '#contract/config.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { parseStoreUri, type StoreTarget, type StoreTls, StoreUriError } from '#platform/storeUri.ts';
import { StoreUnavailableError } from './port.ts';

/** A batch takes milliseconds. An owner that stops inside its transaction blocks the other owners at most this long. */
export const transactionTimeoutMs = 20_000;
/**
 * Enough for concurrent partitions, readers and one recount; PostgreSQL's default is 100 connections for all clients.
 */
const connectionsMax = 10;
const connectTimeoutMs = 5_000;
/** TCP checks a connection after this idle time; its default is two hours. */
const keepAliveAfterMs = 10_000;

/** Names of the sources of the secrets, for messages. */
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
 * Creates a connection pool from freshly read secrets. TLS as the URI says (ADR 0019), and always verified if a CA is
 * given. Opens no connection yet. Throws SecretFileError, or StoreUnavailableError for a URI that cannot be used.
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
      // A client whose node failed must not hold a lock for two hours, the default time of TCP keepalive.
      `-c idle_in_transaction_session_timeout=${transactionTimeoutMs}`,
      '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3',
      '-c default_transaction_isolation=read\\ committed',
      '-c synchronous_commit=on',
      '-c TimeZone=UTC',
    ].join(' '),
  });
  // If a connection in use is lost, its query throws. But the client also emits an error event, which would end the
  // process without a listener. The pool listens only to idle connections.
  pool.on('connect', (client) => client.on('error', () => {}));
  // An idle connection that the server closes would otherwise end the process.
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
