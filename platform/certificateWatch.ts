import { earliestEnd, earliestServerEnd, type TlsServer } from './certificates.ts';
import type { Logger } from './log.ts';
import { pause } from './time.ts';

/** The certificates that connections to one peer depend on. */
export interface CertificateSources {
  /** The CAs that we trust; undefined: those of the system. */
  readonly caPem: string | undefined;
  readonly servers: readonly TlsServer[];
}

export interface CertificateWatchOptions {
  /** Returns the servers to check now; undefined: no certificate is checked. */
  readonly find: (signal: AbortSignal) => Promise<CertificateSources | undefined>;
  /**
   * Resolves when the secrets on disk have changed (then the next check starts at once) or when the signal is aborted.
   */
  readonly untilSecretsChange: (signal: AbortSignal) => Promise<void>;
  /** Takes the Unix time in seconds at which the first certificate ends. */
  readonly set: (seconds: number) => void;
  /** Called when no end is known. */
  readonly remove: () => void;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** How often servers are dialled, in milliseconds. Default 10 minutes. */
  readonly everyMs?: number;
}

/** One handshake per server and process is cheap for both, and there are days to renew a certificate. */
const lookEveryMs = 10 * 60_000;

/** A server that restarts keeps its value, so that an alert does not end; a removed server loses its value. */
const forgottenAfterPeriods = 3;

/**
 * Knows when the first certificate of a peer ends: of the CA file, or of what its servers present, whichever comes
 * first.
 *
 * It opens connections of its own and does not observe the connections in use: those last for weeks, longer than the
 * certificate that they began with, and after the certificate has ended no new one can be opened.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #stopping = new AbortController();
  /** The end of each server's certificate, by address. */
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
      // Before the check: a change during the check is seen by the next one.
      const changed = this.#options.untilSecretsChange(either).then(() => !either.aborted);
      await this.look();
      const isChanged = await Promise.race([changed, pause(this.#everyMs, either).then(() => false)]);
      round.abort();
      // The new secrets may lead to other servers: results for the old secrets no longer count.
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
      logger.debug({ error }, 'the addresses to check for certificates are not known');
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
      // The connections report what is wrong with the file.
      this.#options.logger.debug({ error }, 'the CA file cannot be read');
      return [];
    }
  }
}
