import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type ClientConfig } from 'pg';
import { findProcesses } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type Postgres, startPostgres } from './postgres.ts';

let folder: TemporaryFolder;
let postgres: Postgres;
before(async () => {
  folder = await createTemporaryFolder();
  postgres = await startPostgres({ dir: join(folder.path, 'server') });
});
after(async () => {
  await postgres?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function query(config: ClientConfig, text: string): Promise<unknown[]> {
  const client = new Client(config);
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('a client with the CA and the password speaks TLS 1.3 with PostgreSQL 18', async () => {
  const [row] = await query(
    postgres.clientConfig(),
    'SELECT version, current_setting($$server_version$$) server FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  );
  assert.deepEqual(row, { version: 'TLSv1.3', server: '18.4' });
});

test('a URI works once TLS is added', async () => {
  const uri = await postgres.createDatabase('by-uri');
  const [row] = await query({ connectionString: uri, ssl: { ca: postgres.caPem } }, 'SELECT current_database() name');
  assert.deepEqual(row, { name: 'by-uri' });
});

test('a wrong password is refused with the name of the user', async () => {
  await assert.rejects(query({ ...postgres.clientConfig(), password: 'wrong' }, 'SELECT 1'), {
    code: '28P01',
    message: 'password authentication failed for user "postgres"',
  });
});

test('a client without the CA does not trust the server', async () => {
  await assert.rejects(query({ ...postgres.clientConfig(), ssl: { rejectUnauthorized: true } }, 'SELECT 1'), {
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
    message: 'self-signed certificate in certificate chain',
  });
});

test('a client without TLS is refused', async () => {
  await assert.rejects(query({ ...postgres.clientConfig(), ssl: false }, 'SELECT 1'), {
    code: '28000',
    message: /no pg_hba.conf entry for host .* no encryption/,
  });
});

test('committed rows exist after kill -9 and a start, at the same address with the same password', async () => {
  const config = postgres.clientConfig();
  await query(config, 'CREATE TABLE kept AS SELECT 7 AS value');
  await postgres.kill();
  assert.equal(postgres.pid, undefined);
  await assert.rejects(query(config, 'SELECT 1'), { code: 'ECONNREFUSED' });
  await postgres.start();
  assert.deepEqual(await query(config, 'SELECT value FROM kept'), [{ value: 7 }]);
});

test('a query in a long computation does not survive kill -9 and does not block the start', async () => {
  await using own = await createTemporaryFolder();
  const dir = join(own.path, 'server');
  await using server = await startPostgres({ dir, fsync: false });
  const loop = 'DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$';
  const broken = assert.rejects(query({ ...server.clientConfig(), application_name: 'busy' }, loop), /terminated/);
  await waitFor({ what: 'the loop to run', timeoutMs: 10_000 }, async () => {
    const rows = await query(
      server.clientConfig(),
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'busy' AND state = 'active'`,
    );
    return rows.length === 1 ? true : undefined;
  });
  await server.kill();
  await broken;
  assert.deepEqual(await findProcesses(dir), []);
  await server.start();
});

test('a restart keeps data, certificate and address', async () => {
  const config = postgres.clientConfig();
  await query(config, 'CREATE TABLE restarted AS SELECT 8 AS value');
  await postgres.restart();
  assert.deepEqual(await query(config, 'SELECT value FROM restarted'), [{ value: 8 }]);
});

test('another launcher on the kept folder starts the same server', async () => {
  await using own = await createTemporaryFolder();
  const dir = join(own.path, 'server');
  await using first = await startPostgres({ dir, fsync: false });
  await query(first.clientConfig(), 'CREATE TABLE kept AS SELECT 9 AS value');
  await first.stop();
  await using second = await startPostgres({ dir, fsync: false });
  assert.deepEqual(await query(first.clientConfig(), 'SELECT value FROM kept'), [{ value: 9 }]);
  assert.deepEqual([second.port, second.password, second.caPem], [first.port, first.password, first.caPem]);
});

test('a postmaster.pid that names a foreign process after a reboot does not prevent the start', async () => {
  await using own = await createTemporaryFolder();
  await using server = await startPostgres({ dir: join(own.path, 'server'), fsync: false });
  const pidFile = join(own.path, 'server', 'data', 'postmaster.pid');
  await server.kill();
  const text = await readFile(pidFile, 'utf8');
  // Name another PostgreSQL in the file. It runs as the same user, but on another folder.
  await writeFile(pidFile, text.replace(/^\d+/, String(postgres.pid)));
  await server.start();
  assert.deepEqual(await query(server.clientConfig(), 'SELECT 1 AS one'), [{ one: 1 }]);
});

test('two launchers on one folder: the second fails with the process id of the first', async () => {
  await assert.rejects(
    startPostgres({ dir: join(folder.path, 'server') }),
    new RegExp(`already runs on .* as process ${postgres.pid}`),
  );
});

test('a port that is in use is an error that contains the server log', async () => {
  await using own = await createTemporaryFolder();
  await assert.rejects(
    startPostgres({ dir: join(own.path, 'server'), fsync: false, port: postgres.port }),
    /PostgreSQL did not start \(exit code 1\)[\s\S]*Address already in use/,
  );
});

test('the error names a folder that the user of the server cannot enter', {
  skip: process.getuid?.() !== 0,
}, async () => {
  await using own = await createTemporaryFolder();
  await chmod(own.path, 0o700);
  await assert.rejects(
    startPostgres({ dir: join(own.path, 'server') }),
    new RegExp(`user nobody, who cannot enter ${own.path}\\. .*chmod o\\+x ${own.path}`),
  );
});

test('with a restart policy a killed server restarts by itself and reports it', async () => {
  await using own = await createTemporaryFolder();
  const messages: string[] = [];
  await using server = await startPostgres({
    dir: join(own.path, 'server'),
    fsync: false,
    restart: { restartOnDeath: true, onDeath: (message) => void messages.push(message) },
  });
  await server.kill();
  await waitFor({ what: 'the message that PostgreSQL is back', timeoutMs: 20_000 }, async () =>
    messages.includes('PostgreSQL is back.') ? true : undefined,
  );
  assert.match(messages[0] ?? '', /^PostgreSQL died \(signal SIGKILL\); restarting it\./);
  assert.deepEqual(await query(server.clientConfig(), 'SELECT 1 AS one'), [{ one: 1 }]);
});

test('stop leaves no process behind', async () => {
  await using own = await createTemporaryFolder();
  const server = await startPostgres({ dir: join(own.path, 'server'), fsync: false });
  assert.notDeepEqual(await findProcesses(own.path), []);
  await server.stop();
  assert.deepEqual(await findProcesses(own.path), []);
});
