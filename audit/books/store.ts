import pg from 'pg';
import type { StoreTarget } from '#platform/storeUri.ts';

/** Where PostgreSQL is, and which schema holds the books. */
export interface StoreAccess {
  readonly target: StoreTarget;
  readonly ca: string | undefined;
  readonly schema: string;
  /** Our name in PostgreSQL's list of connections. */
  readonly applicationName: string;
}

/** A page is read within milliseconds; a snapshot must not be held for long, because it keeps old row versions. */
const statementTimeoutMs = 60_000;
const connectTimeoutMs = 10_000;

/** One connection, made again when it is lost. It cannot write: the server refuses. */
export function openStore({ target, ca, applicationName }: StoreAccess): pg.Pool {
  const { tls, ...where } = target;
  const pool = new pg.Pool({
    ...where,
    ssl: tls === 'off' ? false : { rejectUnauthorized: tls === 'verified', ...(ca === undefined ? {} : { ca }) },
    max: 1,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: applicationName.slice(0, 63),
    options: [
      '-c default_transaction_read_only=on',
      `-c statement_timeout=${statementTimeoutMs}`,
      `-c idle_in_transaction_session_timeout=${statementTimeoutMs}`,
      '-c TimeZone=UTC',
    ].join(' '),
  });
  // A connection that is lost tells its query, which throws; as an event without a listener it would end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', () => {});
  return pool;
}
