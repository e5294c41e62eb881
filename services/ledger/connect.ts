import pg from 'pg';
import type { AggregatorConfig } from '#contract/config.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { parseStoreUri, type StoreTarget, type StoreTls, StoreUriError } from '#platform/storeUri.ts';
import { StoreUnavailableError } from './port.ts';

/** A batch takes milliseconds; an owner stopped inside its transaction would block every other one as long as this. */
export const transactionTimeoutMs = 20_000;
/** Enough for partitions applied at once, readers and one recount; PostgreSQL's default is 100 for everybody. */
const connectionsMax = 10;
const connectTimeoutMs = 5_000;
/** A connection that says nothing for this long is asked whether it still lives; else TCP asks after two hours. */
const keepAliveAfterMs = 10_000;

/** Where the secrets come from, in words for messages. */
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
 * A pool of connections from freshly read secrets. TLS as the URI says (ADR 0019), and always verified when a CA is
 * given. Nothing is connected yet. Throws SecretFileError, or StoreUnavailableError for a URI that cannot be used.
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
      // A client that vanished with its node must not hold a lock for the two hours after which TCP asks by default.
      `-c idle_in_transaction_session_timeout=${transactionTimeoutMs}`,
      '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3',
      '-c default_transaction_isolation=read\\ committed',
      '-c synchronous_commit=on',
      '-c TimeZone=UTC',
    ].join(' '),
  });
  // A connection that is lost while it is ours tells its query, which throws; but it is an event too, and without a
  // listener that would end the process. The pool listens to the idle ones alone.
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
