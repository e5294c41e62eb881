/**
 * The parts of `npm test`, in the order in which they run. Cheap parts come first, because their failures explain
 * failures of later parts.
 */
const parts = ['lint', 'types', 'unused', 'generated', 'unit', 'integration', 'e2e'] as const;
export type Part = (typeof parts)[number];

/** The parts that consist of test files. Each other part is one command. */
const testParts = ['unit', 'integration', 'e2e'] as const;
export type TestPart = (typeof testParts)[number];

export interface Plan {
  readonly parts: readonly Part[];
  /** Pieces of paths: a test file runs if its path contains one of them. Empty: all test files run. */
  readonly filters: readonly string[];
}

/** The error for wrong arguments. The message shows the usage. */
export class UsageError extends Error {
  constructor(problem: string) {
    super(`${problem}\nUsage: npm test -- [${parts.join('|')}]... [piece of a path]...`);
  }
}

/**
 * Reads the arguments: names of parts choose parts, every other word is a piece of a path. Without arguments everything
 * runs. If only pieces of paths are given, the matching test files of all parts run. Throws UsageError for an option.
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

/** Returns the part that a file belongs to, by its name. Undefined if the file is not a test. */
export function partOf(file: string): TestPart | undefined {
  if (/\.integration\.test\.ts$/.test(file)) return 'integration';
  if (/\.e2e\.test\.ts$/.test(file)) return 'e2e';
  if (/\.test\.(ts|mjs)$/.test(file)) return 'unit';
  return undefined;
}

/** Returns the files of one part that match a filter, or all of them without filters. */
export function selectFiles(files: readonly string[], part: TestPart, filters: readonly string[]): string[] {
  return files
    .filter((file) => partOf(file) === part)
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

/** Throws UsageError for a filter that matches no file: otherwise fewer tests would run, without a message. */
export function refuseIdleFilters({ parts: chosen, filters }: Plan, files: readonly string[]): void {
  const candidates = testParts.filter((part) => chosen.includes(part)).flatMap((part) => selectFiles(files, part, []));
  const idle = filters.filter((filter) => !candidates.some((file) => file.includes(filter)));
  if (idle.length > 0) throw new UsageError(`no test file of ${chosen.join(', ')} matches ${idle.join(', ')}`);
}
