import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectNet, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { withDeadline } from './time.ts';

/** A server whose certificate can be read. */
export interface TlsServer {
  readonly host: string;
  readonly port: number;
  /** What the protocol sends before TLS begins. Default: nothing. */
  readonly beforeTls?: (socket: Socket) => Promise<void>;
}

/** Longest wait for all of it: the address of a deleted pod does not respond at all. */
const answerTimeoutMs = 5_000;
const goodbyeTimeoutMs = 1_000;

/** When the first certificate of a PEM file ends. Throws when it has none, or one that cannot be read. */
export function earliestEnd(pem: string): Date {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  return earliestOf(blocks.map((block) => new X509Certificate(block)));
}

/**
 * When the first of the certificates that a server presents ends: its own, or one that it sends along. Connects, reads
 * the certificates and disconnects. Throws when the server does not respond or does not use TLS.
 */
export async function earliestServerEnd(server: TlsServer, signal: AbortSignal): Promise<Date> {
  const { host, port } = server;
  const socket = connectNet({ host, port, signal });
  // After the deadline no caller handles the error, and an error event without a listener would end the process.
  socket.on('error', () => {});
  try {
    return await withDeadline(`the certificate of ${host}:${port}`, answerTimeoutMs, look(socket, server));
  } finally {
    socket.destroy();
  }
}

async function look(socket: Socket, { host, beforeTls }: TlsServer): Promise<Date> {
  await once(socket, 'connect');
  await beforeTls?.(socket);
  // Not verified: no data is sent or trusted here, and an expired certificate must be visible too.
  const tls = connectTls({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 ? { servername: host } : {}) });
  await once(tls, 'secureConnect');
  const chain = chainFrom(tls.getPeerX509Certificate());
  await hangUp(tls);
  return earliestOf(chain);
}

/**
 * Ends cleanly, because a reset connection would be an error in the server's log. Never rejects: the result is known.
 */
function hangUp(tls: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    tls.once('close', () => resolve());
    tls.on('error', () => {});
    tls.setTimeout(goodbyeTimeoutMs, () => tls.destroy());
    tls.resume().end();
  });
}

function chainFrom(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one = leaf; one !== undefined; one = one.issuerCertificate) chain.push(one);
  return chain;
}

function earliestOf(certificates: readonly X509Certificate[]): Date {
  if (certificates.length === 0) throw new Error('there is no certificate');
  return new Date(Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())));
}
