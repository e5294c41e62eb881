import type { Readable } from 'node:stream';

/** An output for text. A subset of a stream, so that a test can replace it. */
export interface TextSink {
  write(text: string): unknown;
  /** Resolves when all text is written; rejects if some was not. If absent, all text is always written. */
  flush?(): Promise<void>;
  /** Why text cannot be written any more. */
  readonly failure?: Error | undefined;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything outside a verb. A test can replace all of it. */
export interface Context {
  /** Results only. */
  readonly stdout: TextSink;
  /** Progress, hints and errors. */
  readonly stderr: TextSink;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** In [0, 1); makes the jitter of retries. */
  readonly random: () => number;
  /** A fresh UUIDv7. */
  readonly newRequestId: () => string;
  /** The exit code of a verb that ended without an error: 1 when the result is negative. */
  setExitCode(code: number): void;
}
