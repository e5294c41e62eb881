import { addDecimals, type Decimal, formatDecimal, isWithinDigits, parseDecimal } from './decimal.ts';
import { invalidField } from './errors.ts';
import { canonicalRequestId, requestIdProblem } from './requestId.ts';
import { defaultSeries, seriesProblem } from './series.ts';

/** One addition in canonical form: lower-case id, canonical decimals, `result` = a + b. */
export interface Addition {
  readonly requestId: string;
  readonly series: string;
  readonly a: string;
  readonly b: string;
  readonly result: string;
}

/** An addition as a client sends it. The fields have their names in JSON, because error messages name fields. */
export interface AdditionInput {
  readonly requestId: string;
  /** Empty means `default`. */
  readonly series: string;
  readonly a: string;
  readonly b: string;
}

/**
 * Validates an addition and returns it in canonical form. The calculator and the reader of the log share this function.
 * Throws SumError `invalid-field`, which names the field and says what to do.
 */
export function parseAddition(input: AdditionInput): Addition {
  const idProblem = requestIdProblem(input.requestId);
  if (idProblem !== undefined) throw invalidField('requestId', idProblem);
  const series = input.series === '' ? defaultSeries : input.series;
  const problem = seriesProblem(series);
  if (problem !== undefined) throw invalidField('series', problem);
  const a = operand('a', input.a);
  const b = operand('b', input.b);
  const result = addDecimals(a, b);
  if (!isWithinDigits(result)) {
    throw invalidField('b', 'cannot be added to a: the result would have more than 38 digits');
  }
  return {
    requestId: canonicalRequestId(input.requestId),
    series,
    a: formatDecimal(a),
    b: formatDecimal(b),
    result: formatDecimal(result),
  };
}

function operand(field: 'a' | 'b', text: string): Decimal {
  if (text === '') throw invalidField(field, 'is missing: send a decimal as a string');
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw invalidField(field, parsed.problem);
  return parsed.value;
}

/** Returns whether two additions with the same id have the same series and operands. Both must be canonical. */
export function isSameAddition(one: AdditionOperands, other: AdditionOperands): boolean {
  return one.series === other.series && one.a === other.a && one.b === other.b;
}

type AdditionOperands = Pick<Addition, 'series' | 'a' | 'b'>;
