import { z } from 'zod';

/**
 * What a failed request means for the caller:
 * - `notFound`, `alreadyExists`: read again, then decide.
 * - `conflict`: another client wrote, another field manager owns a field, or no object has the uid. Read again, then
 *   decide.
 * - `invalid` (400, 405, 406, 415, 422): the content is wrong. A retry does not help.
 * - `terminal`: a status 500 for an object that does not fit its schema. A retry gets the same response.
 * - `forbidden` (401, 403): a permission is missing. It may be granted later.
 * - `gone`: the version or the continue token is too old. List again.
 * - `tooManyRequests`: retry after `retryAfterMs`.
 * - `transient`: network error, timeout or 5xx. The request may or may not have been carried out.
 */
export type ErrorClass =
  | 'notFound'
  | 'alreadyExists'
  | 'conflict'
  | 'invalid'
  | 'terminal'
  | 'forbidden'
  | 'gone'
  | 'tooManyRequests'
  | 'transient';

export interface ErrorCause {
  readonly field?: string | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/** The request, for messages such as `apply Deployment team/sums-calculator`. */
export interface RequestContext {
  readonly verb: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** The error that the transport and the client throw. Its message has the request and the server's message. */
export class KubernetesError extends Error {
  readonly class: ErrorClass;
  /** HTTP status. Undefined if there was no response. */
  readonly status: number | undefined;
  /** The server's machine-readable reason (`NotFound`, `Conflict`, ...) or the network error code. */
  readonly reason: string;
  readonly serverMessage: string;
  readonly causes: readonly ErrorCause[];
  readonly retryAfterMs: number | undefined;
  readonly request: RequestContext;

  constructor(fields: {
    class: ErrorClass;
    status: number | undefined;
    reason: string;
    serverMessage: string;
    causes?: readonly ErrorCause[];
    retryAfterMs?: number | undefined;
    request: RequestContext;
    cause?: unknown;
  }) {
    const status = fields.status === undefined ? fields.reason : `${fields.status} ${fields.reason}`;
    super(`${describeRequest(fields.request)}: ${fields.serverMessage} (${status})`, { cause: fields.cause });
    this.name = 'KubernetesError';
    this.class = fields.class;
    this.status = fields.status;
    this.reason = fields.reason;
    this.serverMessage = fields.serverMessage;
    this.causes = fields.causes ?? [];
    this.retryAfterMs = fields.retryAfterMs;
    this.request = fields.request;
  }
}

/** Whether the error is a KubernetesError and, if classes are given, has one of them. */
export function isKubernetesError(error: unknown, ...classes: ErrorClass[]): error is KubernetesError {
  return error instanceof KubernetesError && (classes.length === 0 || classes.includes(error.class));
}

const statusSchema = z.object({
  kind: z.literal('Status'),
  code: z.number().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  details: z
    .object({
      causes: z
        .array(
          z.object({ field: z.string().optional(), reason: z.string().optional(), message: z.string().optional() }),
        )
        .nullish(),
      retryAfterSeconds: z.number().optional(),
    })
    .nullish(),
});

/** Converts a response that is not a success, or an ERROR event of a watch, to an error. `body` may be anything. */
export function errorFromStatus(answer: {
  status: number;
  body: unknown;
  retryAfterHeader?: string | undefined;
  request: RequestContext;
}): KubernetesError {
  // The message of the server may quote an invalid value. For a Secret, leave the message out and keep the reason.
  const isSecret = answer.request.kind === 'Secret';
  const parsed = statusSchema.safeParse(answer.body);
  const status = parsed.success ? parsed.data : undefined;
  const reason = status?.reason ?? reasonByCode(answer.status);
  const quoted = status?.message ?? shorten(answer.body) ?? 'the response has no message';
  const serverMessage = isSecret ? 'refused; the message is hidden because it may quote the secret' : quoted;
  const headerSeconds = Number(answer.retryAfterHeader ?? Number.NaN);
  const seconds = status?.details?.retryAfterSeconds ?? (Number.isFinite(headerSeconds) ? headerSeconds : undefined);
  return new KubernetesError({
    class: classify({ status: answer.status, reason, message: quoted, causes: status?.details?.causes ?? [] }),
    status: answer.status,
    reason,
    serverMessage,
    causes: isSecret ? [] : (status?.details?.causes ?? []),
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
    request: answer.request,
  });
}

/** Wraps a failure without an HTTP status: connection refused or reset, timeout, response too large. */
export function errorFromNetwork(error: unknown, request: RequestContext): KubernetesError {
  const code = findCode(error) ?? 'NetworkError';
  const serverMessage = `no usable answer from the API server: ${error instanceof Error ? error.message : String(error)}`;
  return new KubernetesError({
    class: 'transient',
    status: undefined,
    reason: code,
    serverMessage,
    request,
    cause: error,
  });
}

function describeRequest(request: RequestContext): string {
  const name = [request.namespace, request.name].filter((part) => part !== undefined && part !== '').join('/');
  return [request.verb, request.kind, name].filter((part) => part !== '').join(' ');
}

/**
 * Returns the class of a response: the first rule that matches decides. One kind of status 500 is `terminal`, because
 * a retry gets the same response.
 */
function classify(answer: {
  status: number;
  reason: string;
  message: string;
  causes: readonly ErrorCause[];
}): ErrorClass {
  const { status, reason, message, causes } = answer;
  if (status === 500 && message.includes('failed to create typed patch object')) return 'terminal';
  if (status === 429) return 'tooManyRequests';
  if (status === 410 || reason === 'Expired' || reason === 'Gone') return 'gone';
  if (status === 404) return 'notFound';
  if (status === 409) return reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
  // The live object has another uid than the request. The server returns 422 for an apply, and 409 for other verbs.
  if (status === 422 && causes.some(({ field }) => field === 'metadata.uid')) return 'conflict';
  if (status === 401 || status === 403) return 'forbidden';
  if (status === 408 || status >= 500) return 'transient';
  return 'invalid';
}

function reasonByCode(status: number): string {
  const known: Record<number, string> = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 410: 'Gone' };
  return known[status] ?? (status >= 500 ? 'ServerError' : 'Refused');
}

/** Returns the beginning of a text body, 300 characters: enough to recognise the error page of a proxy. */
function shorten(body: unknown): string | undefined {
  if (typeof body !== 'string' || body.trim() === '') return undefined;
  const line = body.trim().replaceAll(/\s+/g, ' ');
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}

function findCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return error instanceof Error ? error.name : undefined;
}
