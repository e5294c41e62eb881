import type { Addition } from '#core/addition.ts';
import type { Position } from '#core/vector.ts';

/** An addition that the log has acknowledged to us, and where. */
export interface Acknowledged {
  readonly addition: Addition;
  readonly position: Position;
}

/**
 * The additions that this calculator acknowledged last, by request id. Best effort: it saves writes for quick retries
 * and tells a misused id early; what it has forgotten, or another calculator knows, the ledger settles.
 */
export class RecentAdditions {
  readonly #entriesMax: number;
  /** Oldest use first: a Map keeps the order in which keys were set. */
  readonly #entries = new Map<string, Acknowledged>();

  constructor(options: { entriesMax: number }) {
    this.#entriesMax = options.entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is remembered may not be in the log any more. */
  clear(): void {
    this.#entries.clear();
  }

  /** Also marks it as used now. */
  find(requestId: string): Acknowledged | undefined {
    const entry = this.#entries.get(requestId);
    if (entry !== undefined) {
      this.#entries.delete(requestId);
      this.#entries.set(requestId, entry);
    }
    return entry;
  }

  /**
   * Call only with an acknowledgement in hand. The first acknowledgement of an id stays: of copies that were in flight
   * together it is one that the log holds, and a later answer must not contradict an earlier one.
   */
  remember(entry: Acknowledged): void {
    const { requestId } = entry.addition;
    if (this.find(requestId) !== undefined) return;
    this.#entries.set(requestId, entry);
    if (this.#entries.size <= this.#entriesMax) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
