import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Connection } from '@platformatic/kafka';
import { withDeadline } from '#platform/time.ts';

/** How to connect to Kafka: the bootstrap servers and the secrets. */
export interface KafkaAccess {
  readonly bootstrapServers: readonly string[];
  readonly topic: string;
  readonly clientId: string;
  readonly tls: TlsOptions | undefined;
  readonly sasl:
    | { readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string }
    | undefined;
}

/** Maximum time to connect: from the address of a deleted pod, no response ever comes. */
const connectTimeoutMs = 10_000;
/** Maximum wait for a response. Longer than any request of the auditor takes. */
const requestTimeoutMs = 30_000;

/** Keeps one connection to each broker. It opens at the first use. */
export class Brokers {
  readonly #access: KafkaAccess;
  readonly #connections = new Map<string, Promise<Connection>>();

  constructor(access: KafkaAccess) {
    this.#access = access;
  }

  /** Returns an open connection to `host:port`. */
  async connect(address: string): Promise<Connection> {
    const known = this.#connections.get(address);
    if (known !== undefined && (await known).isConnected()) return known;
    const made = this.#dial(address);
    this.#connections.set(address, made);
    made.catch(() => this.#connections.delete(address));
    return made;
  }

  /** Closes a connection that does not respond, so that the next request connects again. */
  forget(address: string): void {
    const known = this.#connections.get(address);
    this.#connections.delete(address);
    known?.then(cut, () => {});
  }

  close(): void {
    for (const address of [...this.#connections.keys()]) this.forget(address);
  }

  async #dial(address: string): Promise<Connection> {
    const colon = address.lastIndexOf(':');
    const [host, port] = [address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), Number(address.slice(colon + 1))];
    const { clientId, tls, sasl } = this.#access;
    const connection = new Connection(clientId, {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // TLS server names (SNI) must be host names, not IP addresses.
      ...(tls === undefined ? {} : { tls, tlsServerName: isIP(host) === 0 }),
      ...(sasl === undefined ? {} : { sasl }),
    });
    // Requests get the error of their connection. The listener exists only because the event would end the process.
    connection.on('error', () => {});
    try {
      const dialled = (async () => connection.connect(host, port))();
      await withDeadline(`the connection to Kafka at ${address}`, connectTimeoutMs * 2, dialled);
    } catch (error) {
      cut(connection);
      throw error;
    }
    return connection;
  }
}

function cut(connection: Connection): void {
  connection.socket?.destroy(new Error('this connection to Kafka was closed'));
}
