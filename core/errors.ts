/**
 * The catalogue of errors that a client can see and that a handler throws; `serverFailures` has those of the server itself. gRPC status names and HTTP statuses are part of the contract;
 * the HTTP body is an RFC 9457 problem whose type is `https://sumpipeline.dev/problems/<code>`, the page docs/problems/<code>.md.
 */
export const errorCatalogue = {
  'malformed-json': {
    grpc: 'INVALID_ARGUMENT',
    http: 400,
    title: 'The body is not valid JSON',
    meaning: 'The body of the request could not be parsed, or has a field twice. Nothing was written.',
    action: 'Correct the body. Do not retry it as it is.',
  },
  'invalid-field': {
    grpc: 'INVALID_ARGUMENT',
    http: 422,
    title: 'A field is not valid',
    meaning: 'A field is missing, unknown, too long, or not a number within the bounds. Nothing was written.',
    action: 'Correct the field that `field` names. Do not retry the request as it is.',
  },
  'body-too-large': {
    grpc: 'RESOURCE_EXHAUSTED',
    http: 413,
    title: 'The body is too large',
    meaning: 'The body, or the record made from it, is larger than allowed. Nothing was written.',
    action: 'Shorten the series or the operands. If Kafka refused the record, raise `max.message.bytes` of the topic.',
  },
  'queue-full': {
    grpc: 'RESOURCE_EXHAUSTED',
    http: 429,
    title: 'Too many additions are waiting; nothing was written',
    meaning:
      'As many additions are in flight, or as many reads wait for positions, as the process can hold. Nothing was written.',
    action: 'Retry with the same request id after a growing wait. If it stays, add calculators or brokers.',
  },
  'id-conflict': {
    grpc: 'ALREADY_EXISTS',
    http: 409,
    title: 'The request id belongs to another addition',
    meaning: 'An addition with this request id and other operands was acknowledged. This one was not written.',
    action: 'Use a new request id for every new addition, and keep it for retries of the same one.',
  },
  'not-found': {
    grpc: 'NOT_FOUND',
    http: 404,
    title: 'Not found',
    meaning: 'The path, the series or the request id does not exist, or was not counted yet.',
    action: 'Check the name. An addition that was just acknowledged is found when it is counted.',
  },
  'outcome-unknown': {
    grpc: 'UNAVAILABLE',
    http: 503,
    title: 'It is not known whether this was written; retry with the same request id',
    meaning: 'Kafka did not answer whether it wrote the addition. It may be in the log or not.',
    action: 'Retry with the same request id until it is acknowledged. It is counted once, however often it is written.',
  },
  unavailable: {
    grpc: 'UNAVAILABLE',
    http: 503,
    title: 'Service is unavailable; nothing was changed',
    meaning: 'Kafka or PostgreSQL cannot be reached, or the process is starting or ending. Nothing was written.',
    action: 'Retry with the same request id after a growing wait. If it stays, read the conditions of the pipeline.',
  },
  'position-not-reached': {
    grpc: 'DEADLINE_EXCEEDED',
    http: 504,
    title: 'The requested positions were not counted before the deadline',
    meaning:
      'The aggregators did not count up to the positions in `atLeast` in time. The additions are durable in Kafka.',
    action: 'Retry the read, with a longer deadline. If it stays, read the lag and the conditions of the pipeline.',
  },
} as const satisfies Record<string, ErrorDeclaration>;

interface ErrorDeclaration {
  readonly grpc: string;
  readonly http: number;
  /** The same for every error of this code. */
  readonly title: string;
  /** For the page of the code: what happened, and what was written. */
  readonly meaning: string;
  /** For the page of the code: what a client does next. */
  readonly action: string;
}

/** Errors of the server itself: no handler throws them. They leave open whether an addition was written. */
export const serverFailures = {
  'deadline-exceeded': {
    grpc: 'DEADLINE_EXCEEDED',
    http: 504,
    title: 'No answer before the deadline',
    meaning: 'The request did not finish before its deadline. An addition may have been written or not.',
    action: 'Retry an addition with the same request id: it is counted once. Retry a read with a longer deadline.',
  },
  internal: {
    grpc: 'INTERNAL',
    http: 500,
    title: 'Internal error',
    meaning: 'The server failed in a way that it does not expect. An addition may have been written or not.',
    action:
      'Retry an addition with the same request id: it is counted once. The log of the pod has the error; report it.',
  },
} as const satisfies Record<string, ErrorDeclaration>;

export type ServerFailureCode = keyof typeof serverFailures;
export type ErrorCode = keyof typeof errorCatalogue;
export type GrpcStatusName =
  | (typeof errorCatalogue)[ErrorCode]['grpc']
  | (typeof serverFailures)[ServerFailureCode]['grpc'];

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
