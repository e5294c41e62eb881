import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { aggregatorEnvironment } from '#contract/config.ts';
import { type CertificateAuthority, createCa } from '#lab/certificates/pki.ts';
import { type Postgres, startPostgres } from '#lab/postgres/postgres.ts';
import { earliestServerEnd, type TlsServer } from '#platform/certificates.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { until } from '#test/support/condition.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { findStoreCertificates } from './certificates.ts';

// This test gives its server another certificate, so this file has its own server.
let folder: TemporaryFolder;
let dir: string;
let ca: CertificateAuthority;
let postgres: Postgres;

const { signal } = new AbortController();
const issue = (validDays: number) =>
  ca.issue({ commonName: 'PostgreSQL', altNames: ['127.0.0.1', 'localhost'], validDays });

before(async () => {
  folder = await createTemporaryFolder();
  dir = join(folder.path, 'postgres');
  ca = await createCa('PostgreSQL CA', { validDays: 365 });
  await mkdir(dir, { mode: 0o711 });
  // Make the certificate valid for 60 days: startPostgres replaces a certificate that expires soon.
  await writeFile(join(dir, 'certificate.json'), JSON.stringify({ caPem: ca.certPem, ...(await issue(60)) }));
  postgres = await startPostgres({ dir, fsync: false });
});

after(async () => {
  await postgres?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function find(query: string, withCa: boolean) {
  await writeFile(join(folder.path, 'uri'), `${postgres.uri()}${query}`);
  await writeFile(join(folder.path, 'ca'), postgres.caPem);
  const config = parseEnvironment(aggregatorEnvironment, {
    SUMPIPELINE_NAMESPACE: 'shop',
    SUMPIPELINE_NAME: 'orders',
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: 'unused:9092',
    SUMPIPELINE_KAFKA_TOPIC: 'shop.orders',
    SUMPIPELINE_KAFKA_GROUP: 'shop.orders',
    SUMPIPELINE_STORE_URI_FILE: join(folder.path, 'uri'),
    SUMPIPELINE_STORE_SCHEMA: 'shop.orders',
    ...(withCa ? { SUMPIPELINE_STORE_CA_FILE: join(folder.path, 'ca') } : {}),
  });
  return findStoreCertificates(config);
}

async function server(): Promise<TlsServer> {
  const [found] = (await find('', true))?.servers ?? [];
  assert.ok(found);
  return found;
}

test('PostgreSQL shows the certificate that it has now, without a restart of anything', async () => {
  const found = await find('', true);
  assert.equal(found?.caPem, ca.certPem.trimEnd());
  const first = new X509Certificate(await readFile(join(dir, 'server.crt'), 'utf8'));
  assert.deepEqual(await earliestServerEnd(await server(), signal), first.validToDate);

  const renewed = await issue(90);
  const wanted = new X509Certificate(renewed.certPem).validToDate;
  // Overwrite the files in place, so that they keep their owner.
  await writeFile(join(dir, 'server.key'), renewed.keyPem);
  await writeFile(join(dir, 'server.crt'), renewed.certPem);
  const client = new pg.Client(postgres.clientConfig());
  await client.connect();
  await client.query('SELECT pg_reload_conf()');
  await client.end();
  let seen: Date | undefined;
  await until(
    'the end of the new certificate',
    async () => {
      seen = await earliestServerEnd(await server(), signal);
      return seen.getTime() === wanted.getTime();
    },
    { seen: () => seen },
  );
});

test('reading the certificate causes no error in the program output of PostgreSQL', async () => {
  const before = await readFile(postgres.logFile, 'utf8');
  const found = await server();
  for (let look = 0; look < 5; look++) await earliestServerEnd(found, signal);
  const after = await readFile(postgres.logFile, 'utf8');
  assert.equal(after.slice(before.length), '');
});

test('a certificate is not checked when TLS is not verified', async () => {
  assert.equal(await find('?sslmode=require', false), undefined);
  assert.equal(await find('?sslmode=disable', false), undefined);
  assert.equal((await find('?sslmode=verify-full', false))?.servers.length, 1);
});
