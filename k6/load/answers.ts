import type { AddOutcome, CountedAddition, CountedTotal, LoadPosition, LoadProof, ReadOutcome } from './api.ts';

/** An HTTP response in a form that every client can make. Status 0 means that there was no response. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Status codes that mean "send the same id again": full queue, unavailable, and no response. */
const retryStatuses: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

export function readAddAnswer({ status, body }: HttpAnswer): AddOutcome {
  if (retryStatuses.has(status)) return { kind: 'retry', reason: describe(status, body) };
  if (status !== 200) return { kind: 'refused', reason: describe(status, body) };
  return readAcknowledgement(parse(body));
}

/** Reads an AddResponse in its JSON mapping: the body over HTTP, or the message object of k6 over gRPC. */
export function readAcknowledgement(answer: unknown): AddOutcome {
  const result = fieldOf(answer, 'result');
  const position = readPosition(fieldOf(answer, 'position'));
  if (typeof result !== 'string' || position === undefined) {
    return { kind: 'refused', reason: 'the response has no result or no position; check that this is a calculator' };
  }
  return { kind: 'acknowledged', result, position };
}

export function readAdditionAnswer(answer: HttpAnswer): ReadOutcome<CountedAddition> {
  return read(answer, (json) => {
    const addition = fieldOf(json, 'addition');
    const [series, result] = [fieldOf(addition, 'series'), fieldOf(addition, 'result')];
    return typeof series === 'string' && typeof result === 'string' ? { series, result } : undefined;
  });
}

export function readTotalAnswer(answer: HttpAnswer): ReadOutcome<CountedTotal> {
  return read(answer, (json) => {
    const counted = fieldOf(json, 'total');
    const [total, count] = [fieldOf(counted, 'total'), fieldOf(counted, 'count')];
    return typeof total === 'string' && typeof count === 'string' ? { total, count: BigInt(count) } : undefined;
  });
}

export function readProofAnswer(answer: HttpAnswer): ReadOutcome<LoadProof> {
  return read(answer, (json) => {
    const [reason, message] = [fieldOf(json, 'reason'), fieldOf(json, 'message')];
    if (typeof reason !== 'string') return undefined;
    // The JSON mapping omits false.
    return { exact: fieldOf(json, 'exact') === true, reason, message: typeof message === 'string' ? message : '' };
  });
}

/** Renders `?atLeast=0:41,3:7`, or '' for no positions. */
export function atLeastQuery(positions: readonly LoadPosition[]): string {
  if (positions.length === 0) return '';
  return `?atLeast=${positions.map(({ partition, offset }) => `${partition}:${offset}`).join(',')}`;
}

function read<Value>({ status, body }: HttpAnswer, pick: (json: unknown) => Value | undefined): ReadOutcome<Value> {
  if (status === 404) return { kind: 'absent' };
  if (retryStatuses.has(status)) return { kind: 'retry', reason: describe(status, body) };
  if (status !== 200) return { kind: 'refused', reason: describe(status, body) };
  const value = pick(parse(body));
  if (value === undefined)
    return { kind: 'refused', reason: 'the response has another format; check that this is an aggregator' };
  return { kind: 'found', value };
}

/** Reads a position. A missing field is 0, because the JSON mapping omits it. */
function readPosition(json: unknown): LoadPosition | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const [partition = 0, offset = '0'] = [fieldOf(json, 'partition'), fieldOf(json, 'offset')];
  if (typeof partition !== 'number' || typeof offset !== 'string' || !/^\d+$/.test(offset)) return undefined;
  return { partition, offset: BigInt(offset) };
}

function fieldOf(json: unknown, name: string): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  return Object.entries(json).find(([key]) => key === name)?.[1];
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Returns the detail of a problem document, otherwise the status. */
function describe(status: number, body: string): string {
  if (status === 0) return 'no response';
  const detail = fieldOf(parse(body), 'detail');
  return typeof detail === 'string' ? `${status}: ${detail}` : `HTTP status ${status}`;
}
