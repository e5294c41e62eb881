import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createCa } from './pki.ts';

test('an issued certificate carries its names, groups and usages and verifies against the CA', async () => {
  const ca = await createCa('test-ca');
  const { certPem, keyPem } = await ca.issue({
    commonName: 'system:node:a, b',
    organizations: ['system:nodes', 'second'],
    altNames: ['kafka.local', '10.88.1.1', '::1'],
    usages: ['server'],
  });
  const certificate = new X509Certificate(certPem);
  const authority = new X509Certificate(ca.certPem);
  assert.equal(certificate.subject, 'O=system:nodes\nO=second\nCN=system:node:a\\, b');
  assert.equal(certificate.subjectAltName, 'DNS:kafka.local, IP Address:10.88.1.1, IP Address:0:0:0:0:0:0:0:1');
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(certificate.ca, false);
  assert.equal(authority.ca, true);
  assert.ok(certificate.checkIssued(authority));
  assert.ok(certificate.verify(authority.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
  assert.match(keyPem, /^-----BEGIN PRIVATE KEY-----\n(.{1,64}\n)+-----END PRIVATE KEY-----\n$/);
});

test('a certificate of another CA with the same name is refused in a handshake', async () => {
  const [ca, other] = [await createCa('same'), await createCa('same')];
  const { certPem, keyPem } = await ca.issue({ commonName: 'server', altNames: ['127.0.0.1'] });
  const server = createServer({ cert: certPem, key: keyPem });
  server.on('tlsClientError', () => {}); // no failure: the test wants the client to refuse the handshake
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const dial = (caPem: string) =>
    new Promise<string>((resolve) => {
      const socket: TLSSocket = connect({ host: '127.0.0.1', port: address.port, ca: caPem }, () => {
        resolve('connected');
        socket.end();
      });
      socket.on('error', (error) => resolve(error.message));
    });
  try {
    assert.equal(await dial(ca.certPem), 'connected');
    assert.notEqual(await dial(other.certPem), 'connected');
  } finally {
    server.close();
  }
});

test('validity begins a little before now and lasts the requested days', async () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const { certPem } = await (await createCa('ca', { now, validDays: 10 })).issue({ commonName: 'x' });
  const { validFromDate, validToDate } = new X509Certificate(certPem);
  assert.ok(validFromDate < now);
  assert.equal(validToDate.toISOString(), '2026-01-11T00:00:00.000Z');
});

test('a certificate may expire before its CA, or be expired', async () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const ca = await createCa('ca', { now, validDays: 10 });
  for (const [validDays, end] of [
    [3, '2026-01-04T00:00:00.000Z'],
    [-3, '2025-12-29T00:00:00.000Z'],
  ] as const) {
    const { certPem } = await ca.issue({ commonName: 'x', validDays });
    const { validFromDate, validToDate } = new X509Certificate(certPem);
    assert.equal(validToDate.toISOString(), end);
    assert.ok(validFromDate < validToDate);
  }
});
