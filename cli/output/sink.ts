import type { TextSink } from '#cli/context.ts';
import { CliError, codeOf, exitCodes } from '#cli/exit.ts';

/** The parts of a process stream that we use. */
export interface OutputStream {
  write(text: string, onWritten: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Standard output or standard error of the process. It may go to a full disk, or to a pipe that its reader has
 * closed. A stream reports such a failure late, by an event that would end the process. This class remembers the
 * failure, and `flush` reports it.
 */
export class ProcessOutput implements TextSink {
  readonly #stream: OutputStream;
  #failure: Error | undefined;
  #written: Promise<void> = Promise.resolve();

  /** `onBroken` is called once, at the first failure. Later text is not printed. */
  constructor(stream: OutputStream, onBroken: (error: Error) => void = () => {}) {
    this.#stream = stream;
    stream.on('error', (error) => {
      if (this.#failure !== undefined) return;
      this.#failure = error;
      onBroken(error);
    });
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  write(text: string): void {
    if (this.#failure !== undefined) return;
    this.#written = new Promise((resolve) => {
      this.#stream.write(text, (error) => {
        this.#failure ??= error ?? undefined;
        resolve();
      });
    });
  }

  async flush(): Promise<void> {
    await this.#written;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Prints the result of finished work. If printing fails, the error begins with `done`: what was done, as a clause. */
export async function printResult(stdout: TextSink, text: string, done: string): Promise<void> {
  stdout.write(text);
  try {
    await stdout.flush?.();
  } catch (error) {
    throw new CliError(exitCodes.outputLost, `${done}, but ${describeBroken(error)}`, { cause: error });
  }
}

/** Returns exit code and message for a command that only reads, when its standard output failed. */
export function brokenOutput(error: Error): { exitCode: number; text: string } {
  // The reader of the pipe has read enough, as in `sumctl total | head`. This is not a failure.
  if (codeOf(error) === 'EPIPE') return { exitCode: exitCodes.ok, text: '' };
  return { exitCode: exitCodes.outputLost, text: `error: ${describeBroken(error)}\n` };
}

function describeBroken(error: unknown): string {
  return `standard output cannot be written (${codeOf(error) ?? String(error)})`;
}
