import { z } from 'zod';
import type { KubeClient } from './client.ts';

const versionSchema = z.object({ minor: z.string() });

/** An API server is upgraded under us without a word: its version is asked again after this. */
const maxAgeMs = 10 * 60_000;

/** The minor version of the API server, asked at most every ten minutes and only when it is needed. */
export class ServerVersion {
  readonly #client: KubeClient;
  readonly #now: () => number;
  #known: { readonly minor: Promise<number>; readonly at: number } | undefined;

  /** `now`: milliseconds of a clock that only goes forward. */
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
      // The next one asks again.
      if (this.#known === known) this.#known = undefined;
      throw error;
    }
  }

  async #ask(signal?: AbortSignal): Promise<number> {
    const body = await this.#client.getRaw('/version', signal === undefined ? {} : { signal });
    // Some distributions write "33+".
    return Number.parseInt(versionSchema.parse(body).minor, 10);
  }
}
