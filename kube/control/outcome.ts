import { isKubernetesError } from '#kube/client/errors.ts';

/** A person must act: `reason` is CamelCase for a condition, `message` says what, on which object, and what to do. */
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

/** Something has to happen elsewhere first; a watch will tell, or come back after `retryAfterMs`. */
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

/** What a pass over a key came to, and when the key is worked on again without an event. */
export type Outcome =
  | { readonly result: 'done' | 'waiting' | 'stalled'; readonly requeueAfterMs: number | undefined }
  /** Back off; `minimumMs` is what the server asked for. */
  | { readonly result: 'retry'; readonly minimumMs: number }
  /** The pass was stopped from outside: whoever takes over begins with every key. */
  | { readonly result: 'cancelled' };

/**
 * The one place where an error becomes a requeue. Whoever wants it in a condition has done that before it gets here.
 * `isCancelled`: the process stops or lost its leadership, so a failure means nothing.
 */
export function outcomeOfError(error: unknown, isCancelled: boolean): Outcome {
  if (isCancelled) return { result: 'cancelled' };
  if (error instanceof StalledError) return { result: 'stalled', requeueAfterMs: error.recheckAfterMs };
  if (error instanceof WaitingError) return { result: 'waiting', requeueAfterMs: error.retryAfterMs };
  // Repeating what the server refuses for its content changes nothing; ten minutes cover a relaxed admission policy.
  if (isKubernetesError(error, 'invalid', 'terminal')) return { result: 'stalled', requeueAfterMs: stalledRecheckMs };
  if (isKubernetesError(error, 'tooManyRequests')) return { result: 'retry', minimumMs: error.retryAfterMs ?? 1000 };
  return { result: 'retry', minimumMs: 0 };
}

/** Some causes are invisible to us (a stranger's object under our name): nobody stays stuck for ever. */
const stalledRecheckMs = 600_000;
