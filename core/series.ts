/** Name of the series if an addition names no series. A name has 1 to 200 bytes of UTF-8, no control characters. */
export const defaultSeries = 'default';
const seriesBytesMax = 200;

// Refuse all control characters (C0, DEL, C1): PostgreSQL refuses NUL, and terminals execute the others.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern searches for control characters.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** Returns what is wrong with a series, such as "has a control character". Undefined if the series is valid. */
export function seriesProblem(series: string): string | undefined {
  if (series === '') return `must not be empty; leave it out for "${defaultSeries}"`;
  if (!series.isWellFormed()) return 'has a lone surrogate, which is not valid Unicode';
  if (controlCharacter.test(series)) return 'has a control character';
  const bytes = utf8Length(series);
  if (bytes > seriesBytesMax) return `has ${bytes} bytes of UTF-8; at most ${seriesBytesMax} are allowed`;
  return undefined;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
