/**
 * What an attempt to talk to a pipeline can end in besides an answer. One kind per thing that happens next:
 * `Refused` is final, `TryAgain` is retried with the same request id, a CliError ends the command.
 */

/** The service answered, and the answer is no. `code` is one of the error catalogue when it came from our services. */
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

/** Nothing is known yet, or nothing was written: the same request may be sent again. */
export class TryAgain extends Error {
  /** False only when the service said that it wrote nothing, or no connection was made. */
  readonly mayBeWritten: boolean;
  /** Not before this many milliseconds, when the service said so. */
  readonly afterMs: number | undefined;

  constructor(detail: string, options: { mayBeWritten: boolean; afterMs?: number | undefined; cause?: unknown }) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TryAgain';
    this.mayBeWritten = options.mayBeWritten;
    this.afterMs = options.afterMs;
  }
}

/** The deadline passed while every attempt ended in TryAgain. */
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
