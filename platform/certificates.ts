import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectNet, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { withDeadline } from './time.ts';

/** A server whose certificate can be read. */
export interface TlsServer {
  readonly host: string;
  readonly port: number;
  /** Sends what the protocol requires before TLS. Default: nothing. */
  readonly beforeTls?: (socket: Socket) => Promise<void>;
}

/** Maximum time to connect and read a certificate: from the address of a deleted pod, no response ever comes. */
const answerTimeoutMs = 5_000;
/** Maximum wait until the server closes its side of the connection. After that the socket is destroyed. */
const goodbyeTimeoutMs = 1_000;

/** Returns the earliest expiry of the certificates in a PEM file. Throws if one is invalid, or the file has none. */
export function earliestEnd(pem: string): Date {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  return earliestOf(blocks.map((block) => new X509Certificate(block)));
}

/**
 * Connects to a server, and returns the earliest expiry of the certificates that it sends: its own, and possibly CAs.
 * Throws if the server does not respond or does not use TLS.
 */
export async function earliestServerEnd(server: TlsServer, signal: AbortSignal): Promise<Date> {
  const { host, port } = server;
  const socket = connectNet({ host, port, signal });
  // After the deadline no caller handles an error of the socket. Without this listener it would end the process.
  socket.on('error', () => {});
  try {
    return await withDeadline(`reading the certificate of ${host}:${port}`, answerTimeoutMs, look(socket, server));
  } finally {
    socket.destroy();
  }
}

async function look(socket: Socket, { host, beforeTls }: TlsServer): Promise<Date> {
  await once(socket, 'connect');
  await beforeTls?.(socket);
  // Do not verify: an expired certificate must be found too, and no data is sent or trusted here.
  const tls = connectTls({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 ? { servername: host } : {}) });
  await once(tls, 'secureConnect');
  const chain = chainFrom(tls.getPeerX509Certificate());
  await hangUp(tls);
  return earliestOf(chain);
}

/**
 * Closes the connection in the orderly way, because the server would log an error for a reset. Never rejects.
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
  if (certificates.length === 0) throw new Error('the server or file has no certificate');
  return new Date(Math.min(...certificates.map(({ validToDate }) => validToDate.getTime())));
}
