import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { keepServerCertificate } from './serverCertificate.ts';

const request = { commonName: 'Server', hosts: ['10.88.0.1', '127.0.0.1', 'localhost'], now: new Date('2026-06-01') };

test('the certificate names every host, addresses and names alike', async () => {
  await using folder = await createTemporaryFolder();
  const { certPem } = await keepServerCertificate(join(folder.path, 'certificate.json'), request);
  assert.equal(
    new X509Certificate(certPem).subjectAltName,
    'IP Address:10.88.0.1, IP Address:127.0.0.1, DNS:localhost',
  );
});

for (const [what, change, isKept] of [
  ['nothing changed', {}, true],
  ['a host was removed', { hosts: ['127.0.0.1'] }, true],
  ['a host was added', { hosts: ['127.0.0.1', '10.0.0.7'] }, false],
  ['eleven months passed', { now: new Date('2027-04-30') }, true],
  ['less than a month is left', { now: new Date('2027-05-15') }, false],
] as const) {
  test(`after a restart in which ${what} the certificate is ${isKept ? 'the same' : 'a new one'}`, async () => {
    await using folder = await createTemporaryFolder();
    const file = join(folder.path, 'certificate.json');
    const first = await keepServerCertificate(file, request);
    const second = await keepServerCertificate(file, { ...request, ...change });
    assert.equal(second.certPem === first.certPem, isKept);
    assert.equal(second.caPem === first.caPem, isKept);
  });
}

test('a broken file is an error that names it', async () => {
  await using folder = await createTemporaryFolder();
  const file = join(folder.path, 'certificate.json');
  await writeFile(file, '{"caPem":');
  await assert.rejects(keepServerCertificate(file, request), {
    message: `${file} is not a certificate file of this lab; delete the file and start again`,
  });
});
