import type { Logger } from './log.ts';

/**
 * Releases resources in reverse order, each exactly once. Call `add` on the line after a resource is acquired. If one
 * release fails, logs it and continues with the others.
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
