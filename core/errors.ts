/**
 * The one catalogue of errors that a client can see. gRPC status names and HTTP statuses are part of the contract;
 * the HTTP body is an RFC 9457 problem whose type is `https://sumpipeline.dev/problems/<code>`.
 */
export const errorCatalogue = {
  'malformed-json': { grpc: 'INVALID_ARGUMENT', http: 400, title: 'The body is not valid JSON' },
  'invalid-field': { grpc: 'INVALID_ARGUMENT', http: 422, title: 'A field is not valid' },
  'body-too-large': { grpc: 'RESOURCE_EXHAUSTED', http: 413, title: 'The body is too large' },
  'queue-full': { grpc: 'RESOURCE_EXHAUSTED', http: 429, title: 'Too many additions are waiting; nothing was written' },
  'id-conflict': { grpc: 'ALREADY_EXISTS', http: 409, title: 'The request id belongs to another addition' },
  'not-found': { grpc: 'NOT_FOUND', http: 404, title: 'Not found' },
  'outcome-unknown': {
    grpc: 'UNAVAILABLE',
    http: 503,
    title: 'It is not known whether this was written; retry with the same request id',
  },
  unavailable: { grpc: 'UNAVAILABLE', http: 503, title: 'Service is unavailable; nothing was changed' },
  'position-not-reached': {
    grpc: 'DEADLINE_EXCEEDED',
    http: 504,
    title: 'The requested positions were not counted before the deadline',
  },
} as const satisfies Record<string, { grpc: string; http: number; title: string }>;

export type ErrorCode = keyof typeof errorCatalogue;
export type GrpcStatusName = (typeof errorCatalogue)[ErrorCode]['grpc'];

export const problemTypeBase = 'https://sumpipeline.dev/problems/';

/** An error meant for the client. `detail` says what happened and what to do; `field` names the field at fault. */
export class SumError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;

  constructor(code: ErrorCode, detail: string, options: { field?: string; cause?: unknown } = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SumError';
    this.code = code;
    this.field = options.field;
  }
}

/** A field that is not valid; the sentence begins with the field's name. */
export function invalidField(field: string, problem: string): SumError {
  return new SumError('invalid-field', `${field} ${problem}`, { field });
}
