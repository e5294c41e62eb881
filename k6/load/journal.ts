import { addDecimals, type Decimal, formatDecimal, parseDecimal } from '../../core/decimal.ts';
import type { LoadAddition, LoadPosition } from './api.ts';

/**
 * The record of one virtual user, which shares its series with no other user: every addition that it sent, and which of
 * them were acknowledged. It grows by about 300 bytes for each addition: 11 MB for an hour at 10 additions a second.
 */
export class Journal {
  readonly #acknowledged = new Map<string, LoadAddition>();
  /** Sent, but not acknowledged yet. */
  readonly #open = new Map<string, LoadAddition>();
  readonly #vector = new Map<number, bigint>();

  sent(addition: LoadAddition): void {
    if (!this.#acknowledged.has(addition.requestId)) this.#open.set(addition.requestId, addition);
  }

  /** `isNew`: the first acknowledgement of this id. `problem`: the response is wrong for this addition. */
  acknowledged(
    addition: LoadAddition,
    answer: { result: string; position: LoadPosition },
  ): { isNew: boolean; problem: string | undefined } {
    const isNew = this.#open.delete(addition.requestId);
    this.#acknowledged.set(addition.requestId, addition);
    const { partition, offset } = answer.position;
    const known = this.#vector.get(partition);
    if (known === undefined || known < offset) this.#vector.set(partition, offset);
    const expected = formatDecimal(addDecimals(decimalOf(addition.a), decimalOf(addition.b)));
    const wrong = `${addition.requestId}: ${addition.a} + ${addition.b} got the result ${answer.result}`;
    return { isNew, problem: answer.result === expected ? undefined : wrong };
  }

  /** The service refused it finally: it is in no total. */
  refused(addition: LoadAddition): void {
    this.#open.delete(addition.requestId);
  }

  /** Sent and never acknowledged: each may or may not be counted. */
  get open(): readonly LoadAddition[] {
    return [...this.#open.values()];
  }

  get acknowledgedAdditions(): readonly LoadAddition[] {
    return [...this.#acknowledged.values()];
  }

  /** The newest acknowledged position of each partition. */
  get vector(): readonly LoadPosition[] {
    return [...this.#vector].map(([partition, offset]) => ({ partition, offset }));
  }

  /** Sum and number of the acknowledged additions, by series. */
  expectedTotals(): ReadonlyMap<string, { readonly sum: Decimal; readonly count: bigint }> {
    const totals = new Map<string, { sum: Decimal; count: bigint }>();
    for (const addition of this.#acknowledged.values()) {
      const value = addDecimals(decimalOf(addition.a), decimalOf(addition.b));
      const before = totals.get(addition.series);
      totals.set(addition.series, {
        sum: before === undefined ? value : addDecimals(before.sum, value),
        count: (before?.count ?? 0n) + 1n,
      });
    }
    return totals;
  }
}

/** Throws for text that is not a decimal: our own operands always are, so such a response is a fault. */
export function decimalOf(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`"${text}" ${parsed.problem}`);
  return parsed.value;
}
