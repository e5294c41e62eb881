import type { Readable } from 'node:stream';

/** Where text goes. A subset of a stream, so that a test can be one. */
export interface TextSink {
  write(text: string): unknown;
  /** Resolves when all text has arrived; rejects when some could not be written. Absent: it always arrives. */
  flush?(): Promise<void>;
  /** Why text cannot be written any more. */
  readonly failure?: Error | undefined;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The world outside, as a verb sees it: everything that a test wants to hold in its hand. */
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
  /** The exit code of a verb that ended without an error: 1 when the answer is no. */
  setExitCode(code: number): void;
}
