import { addDecimals, type Decimal, formatDecimal, parseDecimal } from '../../core/decimal.ts';
import type { LoadAddition, LoadPosition } from './api.ts';

/**
 * The journal of one virtual user: every addition that the user sent, and which of them were acknowledged. No other
 * user has its series. It grows by about 300 bytes for each addition: 11 MB for an hour at 10 additions a second.
 */
export class Journal {
  readonly #acknowledged = new Map<string, LoadAddition>();
  /** Additions that were sent and are not acknowledged yet. */
  readonly #open = new Map<string, LoadAddition>();
  readonly #vector = new Map<number, bigint>();

  sent(addition: LoadAddition): void {
    if (!this.#acknowledged.has(addition.requestId)) this.#open.set(addition.requestId, addition);
  }

  /**
   * Records an acknowledgement. `isNew` is true for the first acknowledgement of this request id. `problem` says why
   * the response is wrong for this addition. It is undefined for a correct response.
   */
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

  /** Removes an addition that the service refused finally: no total contains it. */
  refused(addition: LoadAddition): void {
    this.#open.delete(addition.requestId);
  }

  /** Additions that were sent and never acknowledged: each may or may not be counted. */
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

  /** Returns sum and number of the acknowledged additions, by series. */
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

/** Parses a decimal. Throws for other text: our own operands are decimals, so the text is from a wrong response. */
export function decimalOf(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`"${text}" ${parsed.problem}`);
  return parsed.value;
}
