const lengthMax = 512;

/**
 * Returns the last message of a container that ended. `log` is the end of its program output (terminationMessagePolicy
 * FallbackToLogsOnError). Our programs print JSON lines; a crash of Node.js prints a stack. Times and ids are left out,
 * so that the same failure has the same message after each restart.
 */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const spoken = lines
    .toReversed()
    .map(ofJsonLine)
    .find((words) => words !== undefined);
  return (spoken ?? thrownWords(lines) ?? lastParagraph(lines)).slice(0, lengthMax);
}

/** Returns the last uncaught error, with all lines of its message and without the stack. */
function thrownWords(lines: readonly string[]): string | undefined {
  const start = lines.findLastIndex((line) => /^([A-Z]\w*)?Error\b/.test(line));
  if (start < 0) return undefined;
  const rest = lines.slice(start);
  const stack = rest.findIndex((line) => /^\s+at /.test(line));
  return inOneLine(rest.slice(0, stack < 0 ? 1 : stack));
}

/**
 * Returns the last line. If the last line is indented, returns all lines from the last line without indent on. That
 * line is a heading such as `the environment variables are not valid:`.
 */
function lastParagraph(lines: readonly string[]): string {
  const heading = lines.findLastIndex((line) => !/^\s/.test(line));
  return inOneLine(lines.slice(Math.max(heading, 0)));
}

function inOneLine(lines: readonly string[]): string {
  return lines.map((line) => line.trim()).join(' ');
}

/** Returns `message: error.message` of a JSON line at level error or fatal; undefined for other lines. */
function ofJsonLine(line: string): string | undefined {
  const parsed = parseRecord(line);
  if (parsed === undefined || !['error', 'fatal'].includes(String(parsed['level']))) return undefined;
  const { message, error } = parsed;
  const cause = isRecord(error) && typeof error['message'] === 'string' ? error['message'] : undefined;
  const words = [message, cause].filter((part) => typeof part === 'string' && part !== '');
  return words.length === 0 ? undefined : words.join(': ');
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  if (!line.trim().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    // The kubelet keeps the last 2 KiB of the program output, so the first line is often the end of a cut JSON
    // document.
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
