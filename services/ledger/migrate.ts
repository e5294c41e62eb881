import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeIdentifier, escapeLiteral, type QueryResultRow } from 'pg';
import { StoreUnavailableError } from './port.ts';

/** Maximum wait for a lock. After that the caller reports that the schema is locked, and retries. */
const lockTimeoutMs = 20_000;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** Runs a query in an open transaction. Without parameters (`values`), `text` may have several statements. */
export type Query = <Row extends QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;

export interface Transaction {
  readonly query: Query;
  /** Runs a query without a time limit. */
  readonly queryPatiently: Query;
}

/** Upgrades a schema to the newest version. Runs in one transaction, under an advisory lock for the schema's name. */
export async function migrate({ query, queryPatiently }: Transaction, schema: string): Promise<void> {
  const migrations = await readMigrations();
  const quoted = escapeIdentifier(schema);
  await requireUtf8(query);
  // Remove the limit: a migration may take longer than a batch.
  await query('SET LOCAL transaction_timeout = 0');
  // Wait for a lock of another aggregator. If that aggregator dies, the server ends its session (see connect.ts).
  await query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
  await query(`SELECT pg_advisory_xact_lock(hashtextextended(${escapeLiteral(`sumpipeline:${schema}`)}, 0))`);
  if (!(await schemaExists(query, schema))) await query(`CREATE SCHEMA ${quoted}`);
  await query(`SET LOCAL search_path = ${quoted}`);
  await query(
    'CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
  );
  const done = await query<{ version: number }>('SELECT version FROM migrations ORDER BY version');
  const newest = done.at(-1)?.version ?? 0;
  const known = migrations.at(-1)?.version ?? 0;
  if (newest > known) {
    throw new StoreUnavailableError(
      'SchemaTooNew',
      `schema ${schema} has version ${newest}, this program knows ${known}: a newer SumPipeline wrote the schema. Upgrade this program`,
    );
  }
  for (const migration of migrations.filter(({ version }) => version > newest)) {
    await queryPatiently(migration.sql);
    await query('INSERT INTO migrations (version, name) VALUES ($1, $2)', [migration.version, migration.name]);
  }
}

/** Throws StoreUnavailableError if the encoding is not UTF8: PostgreSQL would refuse some valid series. */
async function requireUtf8(query: Query): Promise<void> {
  const [row] = await query<{ server_encoding: string }>('SHOW server_encoding');
  if (row?.server_encoding === 'UTF8') return;
  throw new StoreUnavailableError(
    'DatabaseEncoding',
    `the database has encoding ${row?.server_encoding}, but series are Unicode: create a database with ENCODING 'UTF8' TEMPLATE template0`,
  );
}

/** Returns whether the schema exists. CREATE SCHEMA IF NOT EXISTS would need CREATE on the database in any case. */
async function schemaExists(query: Query, schema: string): Promise<boolean> {
  return (await query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])).length > 0;
}

async function readMigrations(): Promise<Migration[]> {
  const folder = join(import.meta.dirname, 'migrations');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number(name.slice(0, 4)),
      name,
      sql: await readFile(join(folder, name), 'utf8'),
    })),
  );
}
