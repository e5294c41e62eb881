import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { AggregatorConfig } from '#contract/config.ts';
import type { CertificateSources } from '#platform/certificateWatch.ts';
import { readStore } from './connect.ts';

/** The CA file and the server. Undefined if the URI has no verified TLS: an expired certificate has no effect then. */
export async function findStoreCertificates(config: AggregatorConfig): Promise<CertificateSources | undefined> {
  const { target, ca } = await readStore(config);
  if (target.tls !== 'verified') return undefined;
  return { caPem: ca, servers: [{ host: target.host, port: target.port, beforeTls: askForTls }] };
}

/** SSLRequest of PostgreSQL's protocol: its length, and the code 80877103 in place of a version. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

async function askForTls(socket: Socket): Promise<void> {
  socket.write(sslRequest);
  const [answer]: Buffer[] = await once(socket, 'data');
  if (answer?.toString('latin1') !== 'S') throw new Error('PostgreSQL refuses TLS');
}
