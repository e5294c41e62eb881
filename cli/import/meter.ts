import { Presets, SingleBar } from 'cli-progress';
import type { TextSink } from '#cli/context.ts';
import type { Counts } from './tally.ts';

/** Shows the progress of an import on standard error. */
export interface Meter {
  /** Prints one line that the progress bar does not overwrite. */
  note(text: string): void;
  stop(): void;
}

export interface MeterOptions {
  readonly stderr: TextSink;
  readonly now: () => number;
  /** Size of the input in bytes. Undefined for a pipe. */
  readonly size: number | undefined;
  readonly bytes: () => number;
  readonly counts: () => Counts;
}

/** Time between two lines in milliseconds, when standard error is not a terminal. */
const lineEveryMs = 5_000;
const redrawEveryMs = 200;

/** Starts to show the progress: a bar on a terminal, otherwise a line every few seconds. */
export function startMeter(options: MeterOptions): Meter {
  return options.stderr.isTTY === true ? startBar(options) : startLines(options);
}

function startLines({ stderr, now, size, bytes, counts }: MeterOptions): Meter {
  const startedAt = now();
  const timer = setInterval(() => {
    const seconds = Math.max(0.001, (now() - startedAt) / 1000);
    const { rows, rejected } = counts();
    const share = size === undefined || size === 0 ? '' : `${Math.floor((100 * bytes()) / size)} %, `;
    const bad = rejected > 0 ? `, ${rejected} rejected` : '';
    stderr.write(`${share}${rows} rows (${Math.round(rows / seconds)}/s${bad})\n`);
  }, lineEveryMs);
  timer.unref();
  return { note: (text) => stderr.write(`${text}\n`), stop: () => clearInterval(timer) };
}

function startBar({ stderr, size, bytes, counts }: MeterOptions): Meter {
  const total = Math.max(1, size ?? 1);
  const bar = new SingleBar(
    {
      stream: stderr as NodeJS.WriteStream,
      format:
        size === undefined
          ? '{rows} rows, {rejected} rejected'
          : '{bar} {percentage} %  {rows} rows, {rejected} rejected',
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: false,
    },
    Presets.shades_classic,
  );
  const payload = () => ({ rows: counts().rows, rejected: counts().rejected });
  bar.start(total, 0, payload());
  // The bar shows the bytes that were read. Their rows may not be sent yet, so `stop` draws the bar a last time.
  const draw = () => bar.update(Math.min(bytes(), total), payload());
  const timer = setInterval(draw, redrawEveryMs);
  timer.unref();
  return {
    note: (text) => stderr.write(`\r\x1b[2K${text}\n`),
    stop() {
      clearInterval(timer);
      draw();
      bar.stop();
    },
  };
}
