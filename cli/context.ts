import type { Readable } from 'node:stream';

/** An output for text. It has only some methods of a stream, so that a test can replace it. */
export interface TextSink {
  write(text: string): unknown;
  /**
   * Resolves when all text is written. Rejects if some text could not be written. A sink without `flush` always
   * writes all text.
   */
  flush?(): Promise<void>;
  /** The error after which text cannot be written. Undefined while text can be written. */
  readonly failure?: Error | undefined;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything outside a verb. A test can replace all of it. */
export interface Context {
  /** For results only. */
  readonly stdout: TextSink;
  /** For progress, hints and errors. */
  readonly stderr: TextSink;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random: () => number;
  /** Makes a new UUIDv7. */
  readonly newRequestId: () => string;
  /** Sets the exit code of a verb that ends without an error, such as 1 for a total that is not exact. Default 0. */
  setExitCode(code: number): void;
}
