import type { Logger } from './log.ts';

/**
 * Resources are released in reverse order, exactly once. Code that acquires a resource adds its release on the next
 * line. One failing release is logged and does not stop the others.
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
        this.#logger.warn({ error, name: entry.name }, 'release failed');
      }
    }
  }
}
