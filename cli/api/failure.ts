/**
 * The errors of one attempt to call a pipeline. The class decides the next step:
 * `Refused` is final, `TryAgain` is retried with the same request id, a CliError ends the command.
 */

/** The service refused the request. `code` is from the error catalogue if the response came from our services. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly field: string | undefined;

  constructor(answer: { status: number; code?: string | undefined; field?: string | undefined; detail: string }) {
    super(answer.detail);
    this.name = 'Refused';
    this.status = answer.status;
    this.code = answer.code;
    this.field = answer.field;
  }
}

/** The same request may be sent again, because nothing was written, or because the outcome is unknown. */
export class TryAgain extends Error {
  /** False only if the service reported that it wrote nothing, or if no connection was made. */
  readonly mayBeWritten: boolean;
  /** Minimum wait before the retry, in milliseconds. Undefined if the service named no time. */
  readonly afterMs: number | undefined;

  constructor(detail: string, options: { mayBeWritten: boolean; afterMs?: number | undefined; cause?: unknown }) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TryAgain';
    this.mayBeWritten = options.mayBeWritten;
    this.afterMs = options.afterMs;
  }
}

/** Thrown after the last retry: the deadline has passed, and every attempt ended in TryAgain. */
export class GaveUp extends Error {
  readonly mayBeWritten: boolean;
  readonly attempts: number;

  constructor(last: Error, options: { mayBeWritten: boolean; attempts: number }) {
    super(last.message, { cause: last });
    this.name = 'GaveUp';
    this.mayBeWritten = options.mayBeWritten;
    this.attempts = options.attempts;
  }
}
