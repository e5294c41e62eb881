import pg from 'pg';
import type { Lab } from '#test/loop/lab.ts';

/** Runs statements on the PostgreSQL of the lab as its superuser, in the schema of the pipeline. */
export async function inBooks(parts: Lab['parts'], schema: string, statements: readonly string[]): Promise<void> {
  const client = await connect(parts);
  try {
    await client.query(`SET search_path = ${pg.escapeIdentifier(schema)}`);
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Limits PostgreSQL to one transaction a second for all clients. One aggregator alone reaches this limit, so more
 * aggregators count no faster.
 */
const oneTransactionASecond = [
  `CREATE FUNCTION alerts_slow() RETURNS trigger LANGUAGE plpgsql AS
   'BEGIN PERFORM pg_advisory_xact_lock(4711); PERFORM pg_sleep(1); RETURN NULL; END'`,
  'CREATE TRIGGER alerts_slow BEFORE INSERT ON ledger FOR EACH STATEMENT EXECUTE FUNCTION alerts_slow()',
];

/** Makes PostgreSQL slow, so that it limits the counting, or makes it fast again. */
export async function slowBooks(parts: Lab['parts'], schema: string, isSlow: boolean): Promise<void> {
  await inBooks(parts, schema, isSlow ? oneTransactionASecond : ['DROP FUNCTION alerts_slow CASCADE']);
}

/** Locks the row of a partition, so that its records cannot be counted. The returned function unlocks it. */
export async function lockPartition(
  parts: Lab['parts'],
  schema: string,
  partition: number,
): Promise<() => Promise<void>> {
  const client = await connect(parts);
  await client.query(`SET search_path = ${pg.escapeIdentifier(schema)}`);
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM partitions WHERE partition = $1 FOR UPDATE', [partition]);
  return () => client.end();
}

/**
 * If `isOpen` is false, refuses new connections to the database and ends the existing ones. If it is true, accepts
 * connections again.
 */
export async function openDatabase(parts: Lab['parts'], isOpen: boolean): Promise<void> {
  const name = new URL(parts.storeUri).pathname.slice(1);
  const client = await connect(parts, 'template1');
  try {
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} ALLOW_CONNECTIONS ${isOpen}`);
    if (!isOpen)
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  } finally {
    await client.end();
  }
}

async function connect(parts: Lab['parts'], database?: string): Promise<pg.Client> {
  const uri = new URL(parts.storeUri);
  if (database !== undefined) uri.pathname = database;
  const client = new pg.Client({ connectionString: uri.href, ssl: { ca: parts.storeCaPem } });
  await client.connect();
  return client;
}
