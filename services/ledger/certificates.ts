import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { AggregatorConfig } from '#contract/config.ts';
import type { CertificateSources } from '#platform/certificateWatch.ts';
import { readStore } from './connect.ts';

/** Returns the CA and the server, or undefined if TLS is not verified: then an expired certificate has no effect. */
export async function findStoreCertificates(config: AggregatorConfig): Promise<CertificateSources | undefined> {
  const { target, ca } = await readStore(config);
  if (target.tls !== 'verified') return undefined;
  return { caPem: ca, servers: [{ host: target.host, port: target.port, beforeTls: askForTls }] };
}

/** The message SSLRequest of PostgreSQL's protocol: its length (8), then the code 80877103. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

async function askForTls(socket: Socket): Promise<void> {
  socket.write(sslRequest);
  const [answer]: Buffer[] = await once(socket, 'data');
  if (answer?.toString('latin1') !== 'S') throw new Error('PostgreSQL refuses TLS');
}
