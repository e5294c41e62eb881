import type { Progress } from './audit.ts';

/** Minimum time between two lines of progress, in milliseconds. */
const everyMs = 5_000;

/** Returns `partition 2 at offset 120000: 47 % of 255000 offsets`. */
export function formatProgress({ partition, offset, done, all }: Progress): string {
  const percent = all === 0n ? 100n : (done * 100n) / all;
  return `partition ${partition} at offset ${offset}: ${percent} % of ${all} offsets`;
}

/** Returns a function that calls `tell` the first time immediately, and later at most once every 5 s. */
export function throttled<T>(tell: (value: T) => void, now: () => number): (value: T) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    if (now() - toldAt < everyMs) return;
    toldAt = now();
    tell(value);
  };
}
