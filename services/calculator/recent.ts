import type { Addition } from '#core/addition.ts';
import type { Position } from '#core/vector.ts';

/** An addition that Kafka acknowledged to this calculator, with its position. */
export interface Acknowledged {
  readonly addition: Addition;
  readonly position: Position;
}

/**
 * Remembers the additions that this calculator acknowledged last, by request id. So a quick retry writes no second
 * record, and a reused id is detected early. The ledger handles ids that this calculator has forgotten or never saw.
 */
export class RecentAdditions {
  readonly #entriesMax: number;
  /** The entry that was used longest ago is first: a Map keeps the order in which keys were set. */
  readonly #entries = new Map<string, Acknowledged>();

  constructor(options: { entriesMax: number }) {
    this.#entriesMax = options.entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Call it when remembered additions may no longer be in the log. */
  clear(): void {
    this.#entries.clear();
  }

  /** Returns the entry of an id, or undefined, and marks it as used now. */
  find(requestId: string): Acknowledged | undefined {
    const entry = this.#entries.get(requestId);
    if (entry !== undefined) {
      this.#entries.delete(requestId);
      this.#entries.set(requestId, entry);
    }
    return entry;
  }

  /**
   * Call it only after an acknowledgement. The first acknowledgement of an id is kept: a later response must not
   * contradict an earlier response. The position stays valid even if a copy is acknowledged later.
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
