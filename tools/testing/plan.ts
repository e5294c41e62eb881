/** The parts of `npm test`, in the order in which they run: the cheap ones that explain the others come first. */
export const parts = ['lint', 'types', 'generated', 'unit', 'integration', 'e2e'] as const;
export type Part = (typeof parts)[number];

/** The parts that are test files; the others are one command each. */
export const testParts = ['unit', 'integration', 'e2e'] as const;
export type TestPart = (typeof testParts)[number];

export interface Plan {
  readonly parts: readonly Part[];
  /** Only test files whose path contains one of these; empty: all. */
  readonly filters: readonly string[];
}

/**
 * What the arguments ask for: names of parts choose parts, every other word is a piece of a path. Nothing asks for
 * everything, and a path alone for the test files that match it.
 */
export function planRun(args: readonly string[]): Plan {
  const unknown = args.find((arg) => arg.startsWith('-'));
  if (unknown !== undefined) {
    throw new Error(`unknown option ${unknown}: npm test -- [${parts.join('|')}]... [part of a path]...`);
  }
  const filters = args.filter((arg) => !isPart(arg));
  const chosen = parts.filter((part) => args.includes(part));
  if (chosen.length > 0) return { parts: chosen, filters };
  return { parts: filters.length > 0 ? testParts : parts, filters };
}

function isPart(arg: string): boolean {
  return parts.some((part) => part === arg);
}

/** Which part a file belongs to, by its name; undefined when it is no test. */
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
