import { connect as connectNet, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { installCodecs } from './codecs.ts';
import type { KafkaSettings } from './settings.ts';

/**
 * A Kafka client whose sockets can be destroyed. When kafkajs disconnects, it waits without limit for the requests in
 * flight. Destroying the sockets ends the wait.
 */
export interface KafkaClient {
  readonly kafka: Kafka;
  readonly settings: KafkaSettings;
  /** Destroys every connection and refuses new ones. Call it after a disconnect has ended or timed out. */
  cut(): void;
}

export interface KafkaClientOptions {
  readonly settings: KafkaSettings;
  readonly logger: Logger;
  /** Called with every log line of kafkajs, because kafkajs reports some events only in log lines. */
  readonly onLog?: (entry: LogEntry) => void;
}

installCodecs();

/** Maximum wait for a TCP and TLS handshake: the address of a deleted pod sends no response at all. */
const connectionTimeoutMs = 5_000;

/**
 * After this time a request without a response counts as lost. It is well above the broker session timeout (9 s by
 * default): with 3 s every election of a leader caused too many retries.
 */
const requestTimeoutMs = 30_000;

/** Retries of one call inside kafkajs. There are few, because the caller knows the deadline and retries itself. */
const clientRetry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 };

/** Reads the secrets and builds a client. Opens no connection yet. Throws SecretFileError for a missing file. */
export async function createKafkaClient(options: KafkaClientOptions): Promise<KafkaClient> {
  const { settings, logger, onLog } = options;
  const sockets = new CuttableSockets();
  const kafka = new Kafka({
    clientId: settings.clientId,
    brokers: [...settings.bootstrapServers],
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: clientRetry,
    socketFactory: ({ host, port, ssl, onConnect }) => sockets.dial({ host, port, tls: ssl, onConnect }),
    // Log the lines of kafkajs at level debug: most of its errors are followed by a retry that succeeds. If the retries
    // fail too, the caller logs the failure once.
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log;
      logger.debug({ ...fields, namespace: entry.namespace }, `kafkajs: ${message}`);
      onLog?.(entry);
    },
    ...(await secretConfig(settings)),
  });
  return { kafka, settings, cut: () => sockets.cut() };
}

async function secretConfig({ tls, scram }: KafkaSettings): Promise<Pick<KafkaConfig, 'ssl' | 'sasl'>> {
  const ca = tls?.ca === undefined ? undefined : await readSecretFile(tls.ca);
  const ssl = tls === undefined ? {} : { ssl: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca: [ca] }) } };
  if (scram === undefined) return ssl;
  const username = await readSecretFile(scram.username);
  const password = await readSecretFile(scram.password);
  const sasl =
    scram.mechanism === 'SCRAM-SHA-256'
      ? { mechanism: 'scram-sha-256' as const, username, password }
      : { mechanism: 'scram-sha-512' as const, username, password };
  return { ...ssl, sasl };
}

interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
  readonly onConnect: () => void;
}

class CuttableSockets {
  #open = new Set<Socket>();
  #isCut = false;

  dial({ host, port, tls, onConnect }: DialOptions): Socket {
    if (this.#isCut) throw new Error('this Kafka client is closed');
    const servername = isIP(host) === 0 ? { servername: host } : {};
    // For plaintext, kafkajs passes null, although its types do not allow null.
    const socket = tls
      ? connectTls({ host, port, ...servername, ...tls }, onConnect)
      : connectNet({ host, port }, onConnect);
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true);
    // Switch off the warning about many listeners: kafkajs adds a listener for each waiting request. That is no leak.
    socket.setMaxListeners(0);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  cut(): void {
    this.#isCut = true;
    // Destroy with an error: without it kafkajs gets no event, and its requests would keep waiting.
    for (const socket of this.#open) socket.destroy(new Error('this Kafka client is closed'));
  }
}
