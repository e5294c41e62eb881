/** The name of one total inside a pipeline: 1 to 200 bytes of UTF-8, no control characters, not normalised. */
export const defaultSeries = 'default';
const seriesBytesMax = 200;

// C0, DEL and C1: PostgreSQL refuses NUL, terminals execute the others.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern searches for control characters.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** What is wrong with a series, as a sentence without the field's name; undefined when it is fine. */
export function seriesProblem(series: string): string | undefined {
  if (series === '') return `must not be empty; leave it out for "${defaultSeries}"`;
  if (!series.isWellFormed()) return 'holds a lone surrogate: it is not valid Unicode';
  if (controlCharacter.test(series)) return 'holds a control character';
  const bytes = utf8Length(series);
  if (bytes > seriesBytesMax) return `has ${bytes} bytes of UTF-8; at most ${seriesBytesMax} are allowed`;
  return undefined;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
