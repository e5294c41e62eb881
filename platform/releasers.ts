import type { Logger } from './log.ts';

/**
 * Releases resources in the reverse order of `add`, each exactly once. Call `add` immediately after a resource was
 * acquired. If a release fails, logs the error and releases the other resources.
 */
export class Releasers {
  #entries: { name: string; release: () => Promise<void> | void }[] = [];
  #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, release: () => Promise<void> | void): void {
    this.#entries.push({ name, release });
  }

  async releaseAll(): Promise<void> {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      try {
        await entry.release();
      } catch (error) {
        this.#logger.warn({ error, name: entry.name }, 'cannot release a resource');
      }
    }
  }
}
