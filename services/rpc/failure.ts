import { status } from '@grpc/grpc-js';
import {
  type ErrorCode,
  errorCatalogue,
  type GrpcStatusName,
  problemTypeBase,
  type ServerFailureCode,
  SumError,
  serverFailures,
} from '#core/errors.ts';

/** An error as both protocols return it. A ServerFailureCode means that the server failed. */
export interface Failure {
  readonly code: ErrorCode | ServerFailureCode;
  readonly httpStatus: number;
  readonly grpcStatus: status;
  readonly title: string;
  readonly detail: string;
  readonly field: string | undefined;
}

const grpcStatuses = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  NOT_FOUND: status.NOT_FOUND,
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  INTERNAL: status.INTERNAL,
} as const satisfies Record<GrpcStatusName, status>;

export function failureOf(error: SumError): Failure {
  const { http, grpc, title } = errorCatalogue[error.code];
  const { code, message, field } = error;
  return { code, httpStatus: http, grpcStatus: grpcStatuses[grpc], title, detail: message, field };
}

export const deadlineExceeded = serverFailure(
  'deadline-exceeded',
  'the request did not finish before its deadline. Retry; for an addition use the same request id',
);

/** The answer to an unexpected error. It has no internal details: the process logs them. */
export const internalFailure = serverFailure(
  'internal',
  'the server failed. Retry; for an addition use the same request id',
);

function serverFailure(code: ServerFailureCode, detail: string): Failure {
  const { http, grpc, title } = serverFailures[code];
  return { code, httpStatus: http, grpcStatus: grpcStatuses[grpc], title, detail, field: undefined };
}

/** Returns the body of an HTTP error: an RFC 9457 problem. */
export function problemOf({ code, httpStatus, title, detail, field }: Failure): Record<string, string | number> {
  return {
    type: `${problemTypeBase}${code}`,
    title,
    status: httpStatus,
    detail,
    ...(field === undefined ? {} : { field }),
  };
}

export const problemContentType = 'application/problem+json; charset=utf-8';

/** Returns a failure without a field, for errors of the HTTP or gRPC server itself. */
export function failure(code: ErrorCode, detail: string): Failure {
  return failureOf(new SumError(code, detail));
}
