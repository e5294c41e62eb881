import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { type CertificateAuthority, createCa } from '#lab/certificates/pki.ts';
import { until } from '#test/support/condition.ts';
import { type CertificateSources, CertificateWatch } from './certificateWatch.ts';
import { silentLogger } from './log.ts';

const minute = 60_000;
const endOf = (pem: string) => new X509Certificate(pem).validToDate.getTime() / 1000;

async function newServer(ca: CertificateAuthority, validDays: number) {
  const issue = (days: number) => ca.issue({ commonName: 'server', altNames: ['127.0.0.1'], validDays: days });
  const first = await issue(validDays);
  const server: Server = createServer({ cert: first.certPem, key: first.keyPem });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    end: endOf(first.certPem),
    async rotate(days: number) {
      const { certPem, keyPem } = await issue(days);
      server.setSecureContext({ cert: certPem, key: keyPem });
      return endOf(certPem);
    },
    close: async () => void (server.listening && server.close()),
    [Symbol.asyncDispose]: async () => void (server.listening && server.close()),
  };
}

/** Builds a watch that is not started. `state.end` is the expiry that the watch exported last. */
function build(options: { sources?: CertificateSources; everyMs?: number } = {}) {
  const state = {
    now: 1_000_000,
    end: undefined as number | undefined,
    looks: 0,
    change: () => {},
    find: async (): Promise<CertificateSources | undefined> => options.sources,
  };
  const watch = new CertificateWatch({
    find: () => {
      state.looks += 1;
      return state.find();
    },
    untilSecretsChange: (signal) => {
      const changed = Promise.withResolvers<void>();
      state.change = changed.resolve;
      signal.addEventListener('abort', () => changed.resolve());
      return changed.promise;
    },
    set: (seconds) => {
      state.end = seconds;
    },
    remove: () => {
      state.end = undefined;
    },
    logger: silentLogger,
    now: () => state.now,
    ...(options.everyMs === undefined ? {} : { everyMs: options.everyMs }),
  });
  return { state, watch };
}

test('the first end counts: that of a server or of the CA file', async () => {
  const ca = await createCa('ca', { validDays: 100 });
  await using one = await newServer(ca, 50);
  await using other = await newServer(ca, 30);
  const { state, watch } = build({ sources: { caPem: ca.certPem, servers: [one, other] } });
  await watch.look();
  assert.equal(state.end, other.end);
  await other.rotate(70);
  await watch.look();
  assert.equal(state.end, one.end);
  await one.rotate(200);
  await other.rotate(200);
  await watch.look();
  assert.equal(state.end, endOf(ca.certPem));
});

test('a server that does not answer keeps its end for three periods, then nothing is known of it', async () => {
  const ca = await createCa('ca', { validDays: 100 });
  await using server = await newServer(ca, 5);
  const { state, watch } = build({ sources: { caPem: ca.certPem, servers: [server] } });
  await watch.look();
  await server.close();
  state.now += 30 * minute;
  await watch.look();
  assert.equal(state.end, server.end);
  state.now += 1;
  await watch.look();
  assert.equal(state.end, endOf(ca.certPem));
});

test('the servers are still checked if the CA file cannot be read', async () => {
  await using server = await newServer(await createCa('ca'), 5);
  const { state, watch } = build({ sources: { caPem: 'not a certificate', servers: [server] } });
  await watch.look();
  assert.equal(state.end, server.end);
});

test('without TLS, without secrets and without an answer there is no number', async () => {
  const ca = await createCa('ca');
  await using server = await newServer(ca, 5);
  const { state, watch } = build({ sources: { caPem: ca.certPem, servers: [server] } });
  const refusals: (() => Promise<CertificateSources | undefined>)[] = [
    async () => undefined,
    async () => {
      throw new Error('no secret');
    },
  ];
  for (const refusal of refusals) {
    state.end = 1;
    state.find = refusal;
    await watch.look();
    assert.equal(state.end, undefined);
  }
  await server.close();
  state.end = 1;
  state.find = async () => ({ caPem: undefined, servers: [server] });
  await watch.look();
  assert.equal(state.end, undefined);
});

test('another certificate of a server is noticed at the next check', async () => {
  await using server = await newServer(await createCa('ca'), 5);
  const { state, watch } = build({ sources: { caPem: undefined, servers: [server] }, everyMs: 20 });
  watch.start();
  try {
    await until('the first look', () => state.end === server.end);
    const renewed = await server.rotate(90);
    await until('the end of the new certificate', () => state.end === renewed, { seen: () => state });
  } finally {
    await watch.close();
  }
  assert.equal(state.end, undefined, 'a closed watch removes its value');
});

test('changed secrets cause a check at once, and the results of the old secrets are dropped', async () => {
  const ca = await createCa('ca');
  await using old = await newServer(ca, 5);
  await using current = await newServer(ca, 50);
  const { state, watch } = build({ sources: { caPem: undefined, servers: [old] } });
  watch.start();
  try {
    await until('the first look', () => state.end === old.end);
    state.find = async () => ({ caPem: undefined, servers: [current] });
    state.change();
    await until('the end of the other server', () => state.end === current.end, { seen: () => state });
    assert.equal(state.looks, 2);
  } finally {
    await watch.close();
  }
});
