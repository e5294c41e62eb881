import type { Connection } from '@platformatic/kafka';
import { LogUnavailableError } from '#services/eventlog/port.ts';
import { type Broker, type Credentials, createConnection, openBroker } from './broker.ts';

interface Entry {
  readonly connection: Connection;
  readonly broker: Promise<Broker>;
}

/**
 * At most one connection per address, dialled when it is first needed and forgotten when it ends.
 *
 * A writer has two of these. A broker answers the requests of one connection one after the other, so a question on a
 * connection whose append waits for a hung replica would wait with it: questions have connections of their own.
 */
export class BrokerConnections {
  readonly #credentials: Credentials;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** The open connection to `host:port`. Rejects when it cannot be made; the next call dials again. */
  async get(address: string): Promise<Broker> {
    if (this.#isClosed) throw new LogUnavailableError('Unreachable', 'the connections to Kafka are closed');
    const entry = this.#entries.get(address) ?? this.#dial(address);
    return entry.broker;
  }

  /** Ends the connections to all other addresses: brokers that have left the cluster. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const address of [...this.#entries.keys()]) if (!addresses.has(address)) this.#cut(address);
  }

  /** Cuts every connection and refuses new ones. */
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
    // The caller hears of it too: this handler also makes sure that the failure is heard when they have left.
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

/** With an error, which the layer hears of in every state; a plain destroy would leave a dial waiting for its timeout. */
function end(connection: Connection): void {
  connection.socket?.destroy(new Error('this connection to Kafka was cut'));
}

/** Takes `host:port` apart; an IPv6 address is in brackets. */
export function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}
