import { isKubernetesError } from '#kube/client/errors.ts';

/**
 * A pass throws this error if a user must fix something. `reason` is CamelCase for a condition. `message` says what
 * happened, to which object, and what to do.
 */
export class StalledError extends Error {
  readonly reason: string;
  readonly recheckAfterMs: number;

  /** `recheckAfterMs` is the time until the next pass if no watched object changes. Default: ten minutes. */
  constructor(reason: string, message: string, options: { recheckAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'StalledError';
    this.reason = reason;
    this.recheckAfterMs = options.recheckAfterMs ?? stalledRecheckMs;
  }
}

/**
 * A pass throws this error if another object must change first. The next pass starts at a watch event, or after
 * `retryAfterMs`.
 */
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
  /** Retry with growing waits. `minimumMs` is the wait that the server requested. */
  | { readonly result: 'retry'; readonly minimumMs: number }
  /** The process stops or lost its leadership. The next leader begins with a pass over every key. */
  | { readonly result: 'cancelled' };

/**
 * Decides what happens after a pass threw an error. A pass that shows the error in a condition must do so before it
 * throws. `isCancelled` means that the process stops or lost its leadership. The error is ignored in this case.
 */
export function outcomeOfError(error: unknown, isCancelled: boolean): Outcome {
  if (isCancelled) return { result: 'cancelled' };
  if (error instanceof StalledError) return { result: 'stalled', requeueAfterMs: error.recheckAfterMs };
  if (error instanceof WaitingError) return { result: 'waiting', requeueAfterMs: error.retryAfterMs };
  // The server refuses the content, so a quick retry does not help. Retry every ten minutes: the admission policy may
  // change.
  if (isKubernetesError(error, 'invalid', 'terminal')) return { result: 'stalled', requeueAfterMs: stalledRecheckMs };
  if (isKubernetesError(error, 'tooManyRequests')) return { result: 'retry', minimumMs: error.retryAfterMs ?? 1000 };
  return { result: 'retry', minimumMs: 0 };
}

/**
 * A stalled key is retried after this time, because some changes cause no watch event: for instance, we do not watch
 * foreign objects. Ten minutes keep the load low while a user has not fixed the problem.
 */
const stalledRecheckMs = 600_000;
