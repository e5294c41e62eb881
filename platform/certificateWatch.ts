import { earliestEnd, earliestServerEnd, type TlsServer } from './certificates.ts';
import type { Logger } from './log.ts';
import { pause } from './time.ts';

/** What the connections to one peer rest on. */
export interface CertificateSources {
  /** The CAs that we trust; undefined: those of the system. */
  readonly caPem: string | undefined;
  readonly servers: readonly TlsServer[];
}

export interface CertificateWatchOptions {
  /** Says where to look now; undefined: no certificate is asked for there. */
  readonly find: (signal: AbortSignal) => Promise<CertificateSources | undefined>;
  /** Resolves when the secrets on disk have changed, which is a reason to look at once, or when the signal is aborted. */
  readonly untilSecretsChange: (signal: AbortSignal) => Promise<void>;
  /** Takes the Unix time in seconds at which the first certificate ends. */
  readonly set: (seconds: number) => void;
  /** No end is known. */
  readonly remove: () => void;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** How often servers are dialled, in milliseconds. Default 10 minutes. */
  readonly everyMs?: number;
}

/** One handshake per server and process is cheap for both, and a person has days to renew a certificate. */
const lookEveryMs = 10 * 60_000;

/** A server that restarts keeps its number, so that an alert does not end with it; one that is gone loses it. */
const forgottenAfterPeriods = 3;

/**
 * Knows when the first certificate of a peer ends: of the CA file, or of what its servers present, whichever comes first.
 *
 * It dials by itself, and does not listen in on the connections that work: those live for weeks, through a renewal of
 * the certificate that they began with, and are not made at all once it has ended.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #stopping = new AbortController();
  /** By address. */
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
      // Before the look: what changes during it is seen by the next one.
      const changed = this.#options.untilSecretsChange(either).then(() => !either.aborted);
      await this.look();
      const isChanged = await Promise.race([changed, pause(this.#everyMs, either).then(() => false)]);
      round.abort();
      // Perhaps to other servers: what the old secrets led to says nothing now.
      if (isChanged) this.#seen.clear();
    }
  }

  /** Looks everywhere once. Never rejects. */
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
      logger.debug({ error }, 'it is not known where to look for certificates');
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
      logger.debug({ error, address }, 'a server does not show its certificate now');
    }
  }

  #readCa({ caPem }: CertificateSources): number[] {
    if (caPem === undefined) return [];
    try {
      return [earliestEnd(caPem).getTime()];
    } catch (error) {
      // The connections say what is wrong with it.
      this.#options.logger.debug({ error }, 'the CA file cannot be read');
      return [];
    }
  }
}
