import { z } from 'zod';
import type { KubeClient } from './client.ts';

const versionSchema = z.object({ minor: z.string() });

/** The version is read again after this time, ms, because an API server may be upgraded while we run. */
const maxAgeMs = 10 * 60_000;

/** Reads the minor version of the API server, only when needed and at most every ten minutes. */
export class ServerVersion {
  readonly #client: KubeClient;
  readonly #now: () => number;
  #known: { readonly minor: Promise<number>; readonly at: number } | undefined;

  /** `now` returns milliseconds of a clock that never goes back. */
  constructor(client: KubeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  async minor(signal?: AbortSignal): Promise<number> {
    if (this.#known === undefined || this.#now() - this.#known.at > maxAgeMs) {
      this.#known = { minor: this.#ask(signal), at: this.#now() };
    }
    const known = this.#known;
    try {
      return await known.minor;
    } catch (error) {
      // Forget the failure, so that the next call asks again.
      if (this.#known === known) this.#known = undefined;
      throw error;
    }
  }

  async #ask(signal?: AbortSignal): Promise<number> {
    const body = await this.#client.getRaw('/version', signal === undefined ? {} : { signal });
    // parseInt, because some distributions write "33+".
    return Number.parseInt(versionSchema.parse(body).minor, 10);
  }
}
