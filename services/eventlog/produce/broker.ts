import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { apiVersionsV3, Connection } from '@platformatic/kafka';
import { readSecretFile } from '#platform/secretFile.ts';
import { withDeadline } from '#platform/time.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { type BrokerVersions, chooseVersions } from './versions.ts';

/** An open, authenticated connection to one broker, and the request versions that the broker supports. */
export interface Broker {
  readonly connection: Connection;
  readonly versions: BrokerVersions;
}

/** The secrets for the connections of one client. They are read once, so after a change of a file open a new client. */
export interface Credentials {
  readonly clientId: string;
  readonly tls: TlsOptions | undefined;
  readonly sasl: { mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string } | undefined;
}

/** Maximum wait for TCP, TLS and SCRAM together: the address of a deleted pod sends no response at all. */
const connectTimeoutMs = 5_000;

/** After this time without a response the connection is closed. Longer than the 15 s that replication may take. */
const requestTimeoutMs = 20_000;

/** Maximum number of requests in flight per connection. The writer sends fewer, so no request waits in the client. */
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

/** Creates a connection without connecting, so that the caller can close it while it connects. */
export function createConnection(host: string, { clientId, tls, sasl }: Credentials): Connection {
  const connection = new Connection(clientId, {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxInflights: requestsInFlightMax,
    // TLS server names (SNI) must be host names, not IP addresses.
    ...(tls === undefined ? {} : { tls, tlsServerName: isIP(host) === 0 }),
    ...(sasl === undefined ? {} : { sasl }),
  });
  // Ignore the event: every request gets the error too, but an event without a listener would end the process.
  connection.on('error', () => {});
  return connection;
}

/** Connects and reads which request versions the broker supports. */
export async function openBroker(connection: Connection, host: string, port: number): Promise<Broker> {
  await connection.connect(host, port);
  connection.socket.setKeepAlive(true, 60_000);
  const asked = apiVersionsV3.api.async(connection, 'sumpipeline', '1');
  const { apiKeys } = await withDeadline(`reading the API versions of ${host}:${port}`, connectTimeoutMs, asked);
  return { connection, versions: chooseVersions(apiKeys) };
}
