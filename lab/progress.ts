import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What a running step may report. */
export interface Step {
  /** Replaces the text behind the title, such as "3 of 17 parts". */
  update(detail: string): void;
}

/** Shows users what happens while they wait. Writes to standard error only: standard output belongs to results. */
export interface Progress {
  /**
   * Runs `run` and shows it with its elapsed time. On failure shows the last lines of the file `log` and throws the
   * error unchanged. Does not print the error's message, because the caller that handles the error prints it.
   */
  step<T>(title: string, run: (step: Step) => Promise<T>, options?: { readonly log?: string }): Promise<T>;
  /** Prints one line that the display of running steps does not overwrite. */
  note(text: string): void;
}

export interface ProgressOptions {
  /** Where lines go. Default standard error. */
  readonly stream?: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
  /**
   * Used if the stream is not a terminal. A step gets one line at its end. If it is still running after this time, in
   * milliseconds, it also gets a line then.
   */
  readonly quietMs?: number;
  /** Used if the stream is not a terminal: minimum time between two lines about updates of a step, in milliseconds. */
  readonly updateMs?: number;
}

/**
 * Maximum number of lines of a log file that a failed step shows: enough for a stack trace, few enough to see the
 * title of the step.
 */
const logTailLines = 20;
const logTailBytes = 16_384;

interface RunningStep {
  readonly title: string;
  readonly startedAt: number;
  detail: string;
  lastLineAt: number;
}

export function createProgress({
  stream = process.stderr,
  now = () => performance.now(),
  quietMs = 3000,
  updateMs = 30_000,
}: ProgressOptions = {}): Progress {
  const running = new Set<RunningStep>();
  const isLive = stream.isTTY === true;
  let refresh: NodeJS.Timeout | undefined;

  const clearLine = isLive ? '\r\x1b[2K' : '';
  const writeLine = (text: string) => {
    stream.write(`${clearLine}${text}\n`);
    drawLive();
  };

  /** Draws the one line at the bottom of a terminal: the running steps, the innermost (newest) last. */
  function drawLive(): void {
    if (!isLive || running.size === 0) return;
    const words = [...running].map((step) => `${describe(step)} ${formatElapsed(now() - step.startedAt)}`);
    stream.write(`${clearLine}${fit(`... ${words.join(' | ')}`, (stream.columns ?? 80) - 1)}`);
  }

  function startRefresh(): void {
    if (!isLive || refresh !== undefined) return;
    refresh = setInterval(drawLive, 250);
    refresh.unref();
  }

  function end(step: RunningStep, outcome: 'ok' | 'failed'): void {
    running.delete(step);
    if (running.size === 0) {
      clearInterval(refresh);
      refresh = undefined;
    }
    writeLine(`${outcome.padEnd(6)} ${step.title} (${formatElapsed(now() - step.startedAt)})`);
  }

  return {
    note: writeLine,
    async step(title, run, { log } = {}) {
      const step: RunningStep = { title, startedAt: now(), detail: '', lastLineAt: Number.NEGATIVE_INFINITY };
      running.add(step);
      drawLive();
      startRefresh();
      const sayIfSlow = isLive
        ? undefined
        : setTimeout(() => {
            step.lastLineAt = now();
            writeLine(`...    ${describe(step)}`);
          }, quietMs);
      sayIfSlow?.unref();
      try {
        const result = await run({
          update(detail) {
            step.detail = detail;
            drawLive();
            const isDue = now() - step.startedAt >= quietMs && now() - step.lastLineAt >= updateMs;
            if (isLive || !isDue) return;
            step.lastLineAt = now();
            writeLine(`...    ${describe(step)} (${formatElapsed(now() - step.startedAt)})`);
          },
        });
        end(step, 'ok');
        return result;
      } catch (error) {
        end(step, 'failed');
        if (log !== undefined) writeLine(`       the end of ${log}:\n${indent(readLogTail(log))}`);
        throw error;
      } finally {
        clearTimeout(sayIfSlow);
      }
    },
  };
}

/** A progress that runs every step and prints nothing, for callers such as tests. */
export const silentProgress: Progress = {
  step: (_title, run) => run({ update() {} }),
  note() {},
};

/** Returns the last lines of a log file. For a missing file returns a note: another error is being reported. */
export function readLogTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return `(no log: ${error instanceof Error ? error.message : String(error)})`;
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, logTailBytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.toString('utf8').trimEnd().split('\n');
    return lines.slice(-logTailLines).join('\n') || '(the log file is empty)';
  } finally {
    closeSync(file);
  }
}

/** Formats a time: `4.2 s` below a minute, then `7 min 57 s`. */
export function formatElapsed(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function describe(step: RunningStep): string {
  return step.detail === '' ? step.title : `${step.title}: ${step.detail}`;
}

function fit(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 3))}...`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '         ');
}
