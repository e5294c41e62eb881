/**
 * The errors that a handler throws and a client can see. `serverFailures` has the errors of the server itself. gRPC
 * status names and HTTP statuses are part of the contract. The HTTP body is an RFC 9457 problem. Its type is
 * `https://sumpipeline.dev/problems/<code>`, which is the page docs/problems/<code>.md.
 */
export const errorCatalogue = {
  'malformed-json': {
    grpc: 'INVALID_ARGUMENT',
    http: 400,
    title: 'The body is not valid JSON',
    meaning: 'The body of the request could not be parsed, or has a field twice. Nothing was written.',
    action: 'Correct the body. Do not retry the same body.',
  },
  'invalid-field': {
    grpc: 'INVALID_ARGUMENT',
    http: 422,
    title: 'A field is not valid',
    meaning: 'A field is missing, unknown, too long, or not a number within the bounds. Nothing was written.',
    action: 'Correct the field that `field` names. Do not retry the same request.',
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
      'The process is at its limit of additions in flight, or of reads that wait for positions. Nothing was written.',
    action:
      'Retry with the same request id, and wait longer each time. If the error stays, add calculators or brokers.',
  },
  'id-conflict': {
    grpc: 'ALREADY_EXISTS',
    http: 409,
    title: 'The request id belongs to another addition',
    meaning: 'An addition with this request id and other operands was acknowledged. This addition was not written.',
    action: 'Use a new request id for every new addition, and the same id for its retries.',
  },
  'not-found': {
    grpc: 'NOT_FOUND',
    http: 404,
    title: 'Not found',
    meaning: 'The path, the series or the request id does not exist, or was not counted yet.',
    action: 'Check the name. If the addition was acknowledged a moment ago, retry: it is found after it was counted.',
  },
  'outcome-unknown': {
    grpc: 'UNAVAILABLE',
    http: 503,
    title: 'It is not known whether this was written; retry with the same request id',
    meaning: 'Kafka did not confirm that it wrote the addition. The addition may be in the log or not.',
    action: 'Retry with the same request id until it is acknowledged. It is counted once, however often it is written.',
  },
  unavailable: {
    grpc: 'UNAVAILABLE',
    http: 503,
    title: 'Service is unavailable; nothing was changed',
    meaning: 'Kafka or PostgreSQL cannot be reached, or the process is starting or ending. Nothing was written.',
    action:
      'Retry with the same request id; wait longer each time. If the error stays, read the conditions of the pipeline.',
  },
  'position-not-reached': {
    grpc: 'DEADLINE_EXCEEDED',
    http: 504,
    title: 'The requested positions were not counted before the deadline',
    meaning:
      'The aggregators did not count up to the positions in `atLeast` in time. The additions are durable in Kafka.',
    action:
      'Retry the read with a longer deadline. If the error stays, read the lag and the conditions of the pipeline.',
  },
} as const satisfies Record<string, ErrorDeclaration>;

interface ErrorDeclaration {
  readonly grpc: string;
  readonly http: number;
  /** Title of the problem. It is the same for every error of this code. */
  readonly title: string;
  /** What happened, and what was written. docs/problems/<code>.md shows this text. */
  readonly meaning: string;
  /** What the client does next. docs/problems/<code>.md shows this text. */
  readonly action: string;
}

/** Errors that the server itself sends. After one of these errors, it is unknown whether an addition was written. */
export const serverFailures = {
  'deadline-exceeded': {
    grpc: 'DEADLINE_EXCEEDED',
    http: 504,
    title: 'No response before the deadline',
    meaning: 'The request did not finish before its deadline. An addition may have been written or not.',
    action: 'Retry an addition with the same request id: it is counted once. Retry a read with a longer deadline.',
  },
  internal: {
    grpc: 'INTERNAL',
    http: 500,
    title: 'Internal error',
    meaning: 'The server had an unexpected error. An addition may have been written or not.',
    action:
      'Retry an addition with the same request id: it is counted once. Report the error, which kubectl logs shows.',
  },
} as const satisfies Record<string, ErrorDeclaration>;

export type ServerFailureCode = keyof typeof serverFailures;
export type ErrorCode = keyof typeof errorCatalogue;
export type GrpcStatusName =
  | (typeof errorCatalogue)[ErrorCode]['grpc']
  | (typeof serverFailures)[ServerFailureCode]['grpc'];

export const problemTypeBase = 'https://sumpipeline.dev/problems/';

/** An error for the client. `detail` says what happened and what to do. `field` names the wrong field. */
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

/** Returns the error for a wrong field. Its message is the field's name followed by `problem`. */
export function invalidField(field: string, problem: string): SumError {
  return new SumError('invalid-field', `${field} ${problem}`, { field });
}
