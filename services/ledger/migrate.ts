import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeIdentifier, escapeLiteral, type PoolClient } from 'pg';
import { StoreUnavailableError } from './port.ts';

/** Then the caller tries again, and says so meanwhile. */
const lockTimeoutMs = 20_000;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** Brings one schema to the newest version, in one transaction under an advisory lock of the schema's name. */
export async function migrate(client: PoolClient, schema: string): Promise<void> {
  const migrations = await readMigrations();
  const quoted = escapeIdentifier(schema);
  await requireUtf8(client);
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    // A migration may take longer than a batch is allowed to.
    await client.query('SET LOCAL transaction_timeout = 0');
    // Another aggregator may be migrating. If it died at it, its session goes by the bounds that it set itself.
    await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended(${escapeLiteral(`sumpipeline:${schema}`)}, 0))`);
    if (!(await schemaExists(client, schema))) await client.query(`CREATE SCHEMA ${quoted}`);
    await client.query(`SET LOCAL search_path = ${quoted}`);
    await client.query(
      'CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const done = await client.query<{ version: number }>('SELECT version FROM migrations ORDER BY version');
    const newest = done.rows.at(-1)?.version ?? 0;
    const known = migrations.at(-1)?.version ?? 0;
    if (newest > known) {
      throw new StoreUnavailableError(
        'SchemaTooNew',
        `schema ${schema} has version ${newest}, this program knows ${known}: a newer SumPipeline wrote it; upgrade this one`,
      );
    }
    for (const migration of migrations.filter(({ version }) => version > newest)) {
      await client.query(migration.sql);
      await client.query('INSERT INTO migrations (version, name) VALUES ($1, $2)', [migration.version, migration.name]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      // The connection is gone and the server rolls back by itself; the first error is the one that tells.
    });
    throw error;
  }
}

/** In another encoding PostgreSQL refuses some series, and the books would park what they should count. */
async function requireUtf8(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  const encoding = rows[0]?.server_encoding;
  if (encoding === 'UTF8') return;
  throw new StoreUnavailableError(
    'DatabaseEncoding',
    `the database has encoding ${encoding}, but series are Unicode: create one with ENCODING 'UTF8' TEMPLATE template0`,
  );
}

/** CREATE SCHEMA IF NOT EXISTS needs CREATE on the database even when the schema is there: look first. */
async function schemaExists(client: PoolClient, schema: string): Promise<boolean> {
  const found = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  return found.rows.length > 0;
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
