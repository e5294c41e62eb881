import { z } from 'zod';

/** One event of a test, as our reporter writes it: one JSON document per line. */
export const testEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    /** Id of the test, unique within the process. */
    id: z.number(),
    /** Id of the enclosing suite or test. 0 at the top. */
    parent: z.number(),
    name: z.string(),
  }),
  z.object({
    type: z.enum(['pass', 'fail']),
    id: z.number(),
    name: z.string(),
    isSuite: z.boolean(),
    durationMs: z.number(),
    /** Why the test did not run. '' for a skip without a reason. */
    skip: z.string().optional(),
    todo: z.string().optional(),
    /** node:test's name for the kind of failure. `subtestsFailed` means only that an inner test failed. */
    failureType: z.string().optional(),
  }),
]);

export type TestEvent = z.infer<typeof testEventSchema>;

export interface SkippedTest {
  readonly name: string;
  readonly reason: string;
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly SkippedTest[];
  /** Tests that started and did not end: they hung when the process was stopped. */
  readonly unfinished: readonly string[];
  /** Duration of the file's own suite. 0 if the suite did not end. */
  readonly durationMs: number;
}

/** Groups events by file. The outermost suite of an event has the name of the file. */
export function groupByFile(events: readonly TestEvent[]): Map<string, TestEvent[]> {
  const fileOf = new Map<number, string>();
  const groups = new Map<string, TestEvent[]>();
  for (const event of events) {
    if (event.type === 'start') fileOf.set(event.id, fileOf.get(event.parent) ?? event.name);
    const file = fileOf.get(event.id) ?? event.name;
    const group = groups.get(file) ?? [];
    groups.set(file, [...group, event]);
  }
  return groups;
}

/**
 * Counts the tests of one file, not its suites. If a test failed only because an inner test failed, only the inner test
 * counts as failed. A name in the result includes the suites: `suite > test`.
 */
export function countTests(file: string, events: readonly TestEvent[]): TestCounts {
  const failed: string[] = [];
  const skipped: SkippedTest[] = [];
  const running = new Map<number, string>();
  const sentences = new Map<number, string>();
  let passed = 0;
  let durationMs = 0;
  for (const event of events) {
    if (event.type === 'start') {
      const around = sentences.get(event.parent);
      const sentence = around === undefined ? event.name : `${around} > ${event.name}`;
      // The file's own suite is left out of the name: its name is the path.
      if (event.name !== file) sentences.set(event.id, sentence);
      running.set(event.id, sentence);
      continue;
    }
    const { type, id, isSuite, skip, todo, failureType } = event;
    const name = sentences.get(id) ?? event.name;
    running.delete(id);
    if (event.name === file) durationMs = event.durationMs;
    if (failureType === 'subtestsFailed') continue;
    if (skip !== undefined) skipped.push({ name, reason: skip });
    else if (todo !== undefined) skipped.push({ name, reason: `todo ${todo}`.trim() });
    else if (type === 'fail') failed.push(name);
    else if (!isSuite) passed++;
  }
  const unfinished = [...running.values()].filter((name) => name !== file);
  return { passed, failed, skipped, unfinished, durationMs };
}
