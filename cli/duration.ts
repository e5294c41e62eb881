import { usageError } from './exit.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const pattern = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;

/** Parses `500ms`, `30s`, `2m` or `1h` into milliseconds. 0s is allowed. Throws a usage error that names `option`. */
export function parseDuration(option: string, text: string): number {
  const match = pattern.exec(text);
  const unit = match?.[2];
  if (match === null || (unit !== 'ms' && unit !== 's' && unit !== 'm' && unit !== 'h')) {
    throw usageError(`${option} must be a duration such as 500ms, 30s or 2m, not "${text}"`);
  }
  return Math.round(Number(match[1]) * units[unit]);
}
