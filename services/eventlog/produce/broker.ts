import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { apiVersionsV3, Connection } from '@platformatic/kafka';
import { readSecretFile } from '#platform/secretFile.ts';
import { withDeadline } from '#platform/time.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { type BrokerVersions, chooseVersions } from './versions.ts';

/** An open connection to one broker, authenticated, and the versions of the requests that it understands. */
export interface Broker {
  readonly connection: Connection;
  readonly versions: BrokerVersions;
}

/** The secrets of one writer, read when it opens: a changed file means a new writer. */
export interface Credentials {
  readonly clientId: string;
  readonly tls: TlsOptions | undefined;
  readonly sasl: { mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string } | undefined;
}

/** Longest wait for TCP, TLS and SCRAM together: the address of a pod that is gone gives no answer at all. */
const connectTimeoutMs = 5_000;

/** Longest wait for one answer; the layer then cuts the connection. Above the 15 s that a broker may take to replicate. */
const requestTimeoutMs = 20_000;

/** More than the writer ever has in flight: its own bound decides, not the layer's queue. */
const requestsInFlightMax = 128;

/** Reads the secrets. Throws SecretFileError for a missing file. */
export async function readCredentials({ clientId, tls, scram }: KafkaSettings): Promise<Credentials> {
  const ca = tls?.ca === undefined ? undefined : await readSecretFile(tls.ca);
  return {
    clientId,
    tls: tls && { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: [ca] }) },
    sasl: scram && {
      mechanism: scram.mechanism,
      username: await readSecretFile(scram.username),
      password: await readSecretFile(scram.password),
    },
  };
}

/** Builds a connection; nothing is dialled yet, so that it can be cut while it is dialled. */
export function createConnection(host: string, { clientId, tls, sasl }: Credentials): Connection {
  const connection = new Connection(clientId, {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxInflights: requestsInFlightMax,
    // An address is no name that TLS could ask for.
    ...(tls === undefined ? {} : { tls, tlsServerName: isIP(host) === 0 }),
    ...(sasl === undefined ? {} : { sasl }),
  });
  // Every request hears of the end of its connection; without a listener the event would end the process.
  connection.on('error', () => {});
  return connection;
}

/** Dials and asks which versions the broker understands. */
export async function openBroker(connection: Connection, host: string, port: number): Promise<Broker> {
  await connection.connect(host, port);
  connection.socket.setKeepAlive(true, 60_000);
  const asked = apiVersionsV3.api.async(connection, 'sumpipeline', '1');
  const { apiKeys } = await withDeadline(`the API versions of ${host}:${port}`, connectTimeoutMs, asked);
  return { connection, versions: chooseVersions(apiKeys) };
}
