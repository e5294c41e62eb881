import { earliestEnd, earliestServerEnd, type TlsServer } from './certificates.ts';
import type { Logger } from './log.ts';
import { pause } from './time.ts';

/** The CAs and the servers of one peer (Kafka or PostgreSQL). Their certificates are checked. */
export interface CertificateSources {
  /** PEM of the CAs that we trust. Undefined means the CAs of the system. */
  readonly caPem: string | undefined;
  readonly servers: readonly TlsServer[];
}

export interface CertificateWatchOptions {
  /** Returns the servers to check now. Returns undefined if no certificate must be checked. */
  readonly find: (signal: AbortSignal) => Promise<CertificateSources | undefined>;
  /**
   * Resolves when the secrets on disk have changed, or when the signal is aborted. After a change the next check starts
   * immediately.
   */
  readonly untilSecretsChange: (signal: AbortSignal) => Promise<void>;
  /** Called with the earliest expiry of the certificates, as a Unix time in seconds. */
  readonly set: (seconds: number) => void;
  /** Called when no expiry of a certificate is known. */
  readonly remove: () => void;
  readonly logger: Logger;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** How often the servers are checked, in milliseconds. Default 10 minutes. */
  readonly everyMs?: number;
}

/** Time between two checks, in milliseconds. It may be long, because the alert fires days before the expiry. */
const lookEveryMs = 10 * 60_000;

/**
 * If a server does not respond, its last known expiry is kept for this many checks. Otherwise a firing alert would end
 * while the server restarts.
 */
const forgottenAfterPeriods = 3;

/**
 * Reports the earliest expiry of a peer's certificates: those in the CA file, and those that the servers present.
 *
 * Opens a new connection for each check, because a connection in use may be weeks old and show an old certificate. It
 * cannot wait until the program connects again: with an expired certificate, the program cannot connect.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #stopping = new AbortController();
  /** Key: host:port of a server. `end`: expiry of its certificate. `at`: time of the check. Both in Unix ms. */
  readonly #seen = new Map<string, { end: number; at: number }>();
  readonly #everyMs: number;
  #running: Promise<void> | undefined;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? lookEveryMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#options.remove();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const round = new AbortController();
      const either = AbortSignal.any([signal, round.signal]);
      // Start to watch before the check, so that a change during the check is not missed.
      const changed = this.#options.untilSecretsChange(either).then(() => !either.aborted);
      await this.look();
      const isChanged = await Promise.race([changed, pause(this.#everyMs, either).then(() => false)]);
      round.abort();
      // Forget old results: the new secrets may name other servers.
      if (isChanged) this.#seen.clear();
    }
  }

  /** Checks the CA file and all servers once. Never rejects. */
  async look(): Promise<void> {
    const { set, remove } = this.#options;
    const { signal } = this.#stopping;
    const ends = await this.#readEnds(signal);
    if (signal.aborted) return;
    if (ends.length === 0) remove();
    else set(Math.min(...ends) / 1000);
  }

  async #readEnds(signal: AbortSignal): Promise<number[]> {
    const { find, logger, now } = this.#options;
    try {
      const sources = await find(signal);
      if (sources === undefined) return [];
      await Promise.all(sources.servers.map((server) => this.#ask(server, signal)));
      const oldest = now() - forgottenAfterPeriods * this.#everyMs;
      for (const [address, { at }] of this.#seen) if (at < oldest) this.#seen.delete(address);
      return [...this.#readCa(sources), ...[...this.#seen.values()].map(({ end }) => end)];
    } catch (error) {
      logger.debug({ error }, 'cannot find out which servers to check for certificates');
      return [];
    }
  }

  async #ask(server: TlsServer, signal: AbortSignal): Promise<void> {
    const { logger, now } = this.#options;
    const address = `${server.host}:${server.port}`;
    try {
      const end = await earliestServerEnd(server, signal);
      this.#seen.set(address, { end: end.getTime(), at: now() });
    } catch (error) {
      logger.debug({ error, address }, 'a server did not present its certificate');
    }
  }

  #readCa({ caPem }: CertificateSources): number[] {
    if (caPem === undefined) return [];
    try {
      return [earliestEnd(caPem).getTime()];
    } catch (error) {
      // Ignore the error here: the connections in use report what is wrong with the CA file.
      this.#options.logger.debug({ error }, 'the CA file cannot be read');
      return [];
    }
  }
}
