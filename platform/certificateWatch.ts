import { earliestEnd, earliestServerEnd, type TlsServer } from './certificates.ts';
import type { Logger } from './log.ts';
import { pause } from './time.ts';

/** The certificates that connections to one peer depend on. */
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
  /** Called with the Unix time, in seconds, at which the first certificate ends. */
  readonly set: (seconds: number) => void;
  /** Called when it is not known when the certificates end. */
  readonly remove: () => void;
  readonly logger: Logger;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** How often the servers are checked, in milliseconds. Default 10 minutes. */
  readonly everyMs?: number;
}

/** How often the certificates of the servers are read. That is often enough: an alert comes days before the end. */
const lookEveryMs = 10 * 60_000;

/**
 * The last known end of a server's certificate is kept for this many checks without a response. So an alert continues
 * while a server restarts.
 */
const forgottenAfterPeriods = 3;

/**
 * Reports when the first certificate of a peer ends: one in the CA file, or one that a server presents.
 *
 * Opens its own connections. Connections in use do not help: they may last for weeks, longer than the certificate with
 * which they began. And after a certificate has ended, no new connection can be opened.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #stopping = new AbortController();
  /** By address: the end of the server's certificate, and when it was read. Both are Unix times in milliseconds. */
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

  /** Checks the file and all servers once. Never rejects. */
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
