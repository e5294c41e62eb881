import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer as createNetServer, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createCa } from '#lab/certificates/pki.ts';
import { earliestEnd, earliestServerEnd } from './certificates.ts';

const endOf = (pem: string) => new X509Certificate(pem).validToDate;

describe('a PEM file', () => {
  test('with several certificates ends with the first of them, in any order', async () => {
    const [long, short, longer] = await Promise.all([90, 10, 365].map((validDays) => createCa('ca', { validDays })));
    const pem = `# the CAs of two clusters\n${long?.certPem}\n${short?.certPem}${longer?.certPem}`;
    assert.deepEqual(earliestEnd(pem), endOf(short?.certPem ?? ''));
  });

  test('with Windows line ends is read too', async () => {
    const { certPem } = await createCa('ca');
    assert.deepEqual(earliestEnd(certPem.replaceAll('\n', '\r\n')), endOf(certPem));
  });

  test('is read even if it has ended', async () => {
    const { certPem } = await createCa('old', { validDays: -1 });
    assert.deepEqual(earliestEnd(certPem), endOf(certPem));
    assert.ok(earliestEnd(certPem).getTime() < Date.now());
  });

  test('without a certificate, or with one that is damaged, has no end', async () => {
    const { certPem, keyPem } = await createCa('ca');
    for (const text of ['', 'not a certificate', keyPem]) assert.throws(() => earliestEnd(text), /no certificate/);
    assert.throws(() => earliestEnd(certPem.replace(/\n.{20}/, '\n????????????????????')));
    assert.throws(() => earliestEnd(`${certPem}-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n`));
  });
});

describe('a server', () => {
  const { signal } = new AbortController();

  async function listen(server: Server) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { host: '127.0.0.1', port, [Symbol.asyncDispose]: async () => void server.close() };
  }

  test('that presents a chain ends with the first certificate of it', async () => {
    const [ca, short] = [await createCa('root'), await createCa('intermediate', { validDays: 3 })];
    const leaf = await ca.issue({ commonName: 'leaf', altNames: ['127.0.0.1'], validDays: 20 });
    await using alone = await listen(createTlsServer({ cert: leaf.certPem, key: leaf.keyPem }));
    assert.deepEqual(await earliestServerEnd(alone, signal), endOf(leaf.certPem));
    const chain = `${leaf.certPem}${short.certPem}`;
    await using chained = await listen(createTlsServer({ cert: chain, key: leaf.keyPem }));
    assert.deepEqual(await earliestServerEnd(chained, signal), endOf(short.certPem));
  });

  test('whose certificate has ended still shows it', async () => {
    const ca = await createCa('root');
    const leaf = await ca.issue({ commonName: 'leaf', altNames: ['127.0.0.1'], validDays: -2 });
    await using server = await listen(createTlsServer({ cert: leaf.certPem, key: leaf.keyPem }));
    assert.deepEqual(await earliestServerEnd(server, signal), endOf(leaf.certPem));
  });

  test('without TLS, or that refuses the connection, is an error', async () => {
    await using plain = await listen(createNetServer((socket) => socket.end('hello\n')));
    await assert.rejects(earliestServerEnd(plain, signal));
    await plain[Symbol.asyncDispose]();
    await assert.rejects(earliestServerEnd(plain, signal), /ECONNREFUSED/);
  });

  test('that does not respond is given up when the signal is aborted', async () => {
    const stopping = new AbortController();
    const silent = createNetServer(() => stopping.abort());
    await using server = await listen(silent);
    await assert.rejects(earliestServerEnd(server, stopping.signal));
  });
});
