import pg from 'pg';
import type { StoreTarget } from '#platform/storeUri.ts';

/** Address of PostgreSQL, and the schema of the pipeline. */
export interface StoreAccess {
  readonly target: StoreTarget;
  readonly ca: string | undefined;
  readonly schema: string;
  /** Name of the auditor in PostgreSQL's list of connections. */
  readonly applicationName: string;
}

/**
 * Time limit of a statement. Reading a page takes milliseconds. A long statement is ended, because its snapshot makes
 * PostgreSQL keep old row versions.
 */
const statementTimeoutMs = 60_000;
const connectTimeoutMs = 10_000;

/** Opens a pool of one connection. The pool reopens a lost connection, and the server refuses writes on it. */
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
  // A query on a lost connection throws. Without a listener the error event would also end the process.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', () => {});
  return pool;
}
