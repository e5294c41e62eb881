import type { Connection } from '@platformatic/kafka';
import { LogUnavailableError } from '#services/eventlog/port.ts';
import { type Broker, type Credentials, createConnection, openBroker } from './broker.ts';

interface Entry {
  readonly connection: Connection;
  readonly broker: Promise<Broker>;
}

/**
 * Keeps at most one connection per address. A connection is opened on first use and dropped when it ends.
 *
 * A writer has two of these sets, one for appends and one for other requests. A broker handles the requests of one
 * connection one after the other. With one set, a metadata request would wait for an append that waits for a hung
 * replica.
 */
export class BrokerConnections {
  readonly #credentials: Credentials;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** Returns the open connection to `host:port`. Rejects if connecting fails: the next call connects again. */
  async get(address: string): Promise<Broker> {
    if (this.#isClosed) throw new LogUnavailableError('Unreachable', 'the connections to Kafka are closed');
    const entry = this.#entries.get(address) ?? this.#dial(address);
    return entry.broker;
  }

  /** Closes the connections to all other addresses, because those brokers have left the cluster. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const address of [...this.#entries.keys()]) if (!addresses.has(address)) this.#cut(address);
  }

  /** Destroys every connection and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    for (const address of [...this.#entries.keys()]) this.#cut(address);
  }

  #dial(address: string): Entry {
    const { host, port } = parseAddress(address);
    const connection = createConnection(host, this.#credentials);
    const entry = { connection, broker: openBroker(connection, host, port) };
    this.#entries.set(address, entry);
    const forget = () => {
      if (this.#entries.get(address) === entry) this.#entries.delete(address);
    };
    connection.once('close', forget);
    // The caller gets the error too. This handler prevents an unhandled rejection if no caller waits any more.
    entry.broker.catch(() => {
      forget();
      end(connection);
    });
    return entry;
  }

  #cut(address: string): void {
    const entry = this.#entries.get(address);
    this.#entries.delete(address);
    if (entry !== undefined) end(entry.connection);
  }
}

/** Destroys the socket with an error: without an error, a connection that is opening would wait for its timeout. */
function end(connection: Connection): void {
  connection.socket?.destroy(new Error('this connection to Kafka was cut'));
}

/** Splits `host:port`. An IPv6 address must be in brackets. */
export function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
