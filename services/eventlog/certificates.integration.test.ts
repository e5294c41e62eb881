import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CertificateAuthority, createCa } from '#lab/certificates/pki.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { earliestServerEnd } from '#platform/certificates.ts';
import { silentLogger } from '#platform/log.ts';
import { createLog, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { findKafkaCertificates } from './certificates.ts';

// These tests give their brokers other certificates, so this file has its own brokers.
let folder: TemporaryFolder;
let dir: string;
let ca: CertificateAuthority;
let kafka: Kafka;

const { signal } = new AbortController();
const issue = (validDays: number) => ca.issue({ commonName: 'Kafka', altNames: ['127.0.0.1', 'localhost'], validDays });

before(async () => {
  folder = await createTemporaryFolder();
  dir = join(folder.path, 'kafka');
  ca = await createCa('Kafka CA', { validDays: 365 });
  await mkdir(dir);
  // Make the certificate valid for 60 days: startKafka replaces a certificate that expires soon.
  await writeFile(join(dir, 'certificate.json'), JSON.stringify({ caPem: ca.certPem, ...(await issue(60)) }));
  kafka = await startKafka({ dir, nodes: 3 });
});

after(async () => {
  await kafka?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function servers(bootstrapServers?: string) {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  await createLog(settings, 3);
  const asked = { ...settings, bootstrapServers: [bootstrapServers ?? settings.bootstrapServers[0] ?? ''] };
  const found = await findKafkaCertificates({ settings: asked, logger: silentLogger, signal });
  assert.ok(found);
  assert.equal(found.caPem, ca.certPem.trimEnd());
  return found.servers;
}

const addressOf = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;

test('every broker is found from one, and shows the certificate that it has now', async () => {
  const found = await servers();
  assert.deepEqual(found.map(addressOf).toSorted(), kafka.bootstrapServers.split(',').toSorted());
  const first = new X509Certificate(
    (await readFile(join(dir, 'keystore.pem'), 'utf8')).replace(/^.*?(?=-+BEGIN C)/s, ''),
  );
  for (const server of found) assert.deepEqual(await earliestServerEnd(server, signal), first.validToDate);

  const renewed = await issue(90);
  await kafka.stopNode(1);
  await writeFile(join(dir, 'keystore.pem'), `${renewed.keyPem}${renewed.certPem}${ca.certPem}`);
  await kafka.start(1);
  const ends = await Promise.all(found.map((server) => earliestServerEnd(server, signal)));
  const seen = ends.map((end) => end.getTime()).toSorted((one, other) => one - other);
  const wanted = [first, first, new X509Certificate(renewed.certPem)].map(({ validToDate }) => validToDate.getTime());
  assert.deepEqual(seen, wanted);
});

test('reading the certificate causes no error in the program output of a broker', async () => {
  const [server] = await servers();
  assert.ok(server);
  const before = await readFile(kafka.logFile(1), 'utf8');
  for (let look = 0; look < 5; look++) await earliestServerEnd(server, signal);
  const after = await readFile(kafka.logFile(1), 'utf8');
  assert.doesNotMatch(after.slice(before.length), /127\.0\.0\.1.*(fail|error|exception|authenticat)/i);
});

test('if Kafka does not list its brokers, the configured addresses are checked', async () => {
  const topic = uniqueName('none');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic), password: 'wrong' });
  const found = await findKafkaCertificates({ settings, logger: silentLogger, signal });
  assert.deepEqual(found?.servers.map(addressOf).toSorted(), settings.bootstrapServers.toSorted());
});

test('without TLS no certificate is checked', async () => {
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, 'any');
  assert.equal(await findKafkaCertificates({ settings, logger: silentLogger, signal }), undefined);
});
