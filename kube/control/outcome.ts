import { isKubernetesError } from '#kube/client/errors.ts';

/**
 * A user must fix something: `reason` is CamelCase for a condition, `message` says what, on which object, and what to
 * do.
 */
export class StalledError extends Error {
  readonly reason: string;
  readonly recheckAfterMs: number;

  /** `recheckAfterMs`: when to look again although no watched object changed. Default: ten minutes. */
  constructor(reason: string, message: string, options: { recheckAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'StalledError';
    this.reason = reason;
    this.recheckAfterMs = options.recheckAfterMs ?? stalledRecheckMs;
  }
}

/** Something else must happen first; a watch event or `retryAfterMs` starts the next pass. */
export class WaitingError extends Error {
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'WaitingError';
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The result of a pass over a key, and when the next pass starts without an event. */
export type Outcome =
  | { readonly result: 'done' | 'waiting' | 'stalled'; readonly requeueAfterMs: number | undefined }
  /** Back off; `minimumMs` is the wait that the server requested. */
  | { readonly result: 'retry'; readonly minimumMs: number }
  /** The pass was stopped from outside: the next leader begins with every key. */
  | { readonly result: 'cancelled' };

/**
 * The one place where an error becomes a requeue. A caller that shows the error in a condition does so before this
 * call.
 * `isCancelled`: the process stops or lost its leadership, so a failure means nothing.
 */
export function outcomeOfError(error: unknown, isCancelled: boolean): Outcome {
  if (isCancelled) return { result: 'cancelled' };
  if (error instanceof StalledError) return { result: 'stalled', requeueAfterMs: error.recheckAfterMs };
  if (error instanceof WaitingError) return { result: 'waiting', requeueAfterMs: error.retryAfterMs };
  // The server refuses the content, so a retry does not help; a retry every ten minutes covers a relaxed admission
  // policy.
  if (isKubernetesError(error, 'invalid', 'terminal')) return { result: 'stalled', requeueAfterMs: stalledRecheckMs };
  if (isKubernetesError(error, 'tooManyRequests')) return { result: 'retry', minimumMs: error.retryAfterMs ?? 1000 };
  return { result: 'retry', minimumMs: 0 };
}

/** Some causes send us no event (a foreign object under our name), so a stalled key is retried after this time. */
const stalledRecheckMs = 600_000;
