/**
 * The parts of `npm test`, in the order in which they run: the cheap parts, which explain later failures, come first.
 */
const parts = ['lint', 'types', 'unused', 'generated', 'unit', 'integration', 'e2e'] as const;
export type Part = (typeof parts)[number];

/** The parts that consist of test files; the others are one command each. */
const testParts = ['unit', 'integration', 'e2e'] as const;
export type TestPart = (typeof testParts)[number];

export interface Plan {
  readonly parts: readonly Part[];
  /** Only test files whose path contains one of these; empty: all test files. */
  readonly filters: readonly string[];
}

/** Arguments that must be a mistake; the message says what to write instead. */
export class UsageError extends Error {
  constructor(problem: string) {
    super(`${problem}\nUsage: npm test -- [${parts.join('|')}]... [piece of a path]...`);
  }
}

/**
 * Reads the arguments: names of parts choose parts, every other word is a piece of a path. Without arguments everything
 * runs; a path alone runs the test files that match it.
 */
export function planRun(args: readonly string[]): Plan {
  const unknown = args.find((arg) => arg.startsWith('-'));
  if (unknown !== undefined) throw new UsageError(`unknown option ${unknown}`);
  const filters = args.filter((arg) => !isPart(arg));
  const chosen = parts.filter((part) => args.includes(part));
  if (chosen.length > 0) return { parts: chosen, filters };
  return { parts: filters.length > 0 ? testParts : parts, filters };
}

function isPart(arg: string): boolean {
  return parts.some((part) => part === arg);
}

/** The part that a file belongs to, by its name; undefined if it is not a test. */
export function partOf(file: string): TestPart | undefined {
  if (/\.integration\.test\.ts$/.test(file)) return 'integration';
  if (/\.e2e\.test\.ts$/.test(file)) return 'e2e';
  if (/\.test\.(ts|mjs)$/.test(file)) return 'unit';
  return undefined;
}

/** The files of one part that pass the filters. */
export function selectFiles(files: readonly string[], part: TestPart, filters: readonly string[]): string[] {
  return files
    .filter((file) => partOf(file) === part)
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

/** A piece of a path that matches nothing is a typing error: otherwise fewer tests would run, without a message. */
export function refuseIdleFilters({ parts: chosen, filters }: Plan, files: readonly string[]): void {
  const candidates = testParts.filter((part) => chosen.includes(part)).flatMap((part) => selectFiles(files, part, []));
  const idle = filters.filter((filter) => !candidates.some((file) => file.includes(filter)));
  if (idle.length > 0) throw new UsageError(`no test file of ${chosen.join(', ')} matches ${idle.join(', ')}`);
}
