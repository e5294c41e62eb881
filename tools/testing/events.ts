import { z } from 'zod';

/** One test that ended, as our reporter writes it: one JSON document per line. */
export const testEventSchema = z.object({
  type: z.enum(['start', 'pass', 'fail']),
  name: z.string(),
  /** Unique within the file. */
  id: z.number(),
  isSuite: z.boolean(),
  /** Why it did not run; a skip without a reason is ''. */
  skip: z.string().optional(),
  todo: z.string().optional(),
  /** node:test's word for the kind of failure; `subtestsFailed` repeats what an inner test said. */
  failureType: z.string().optional(),
});

export type TestEvent = z.infer<typeof testEventSchema>;

export interface SkippedTest {
  readonly name: string;
  readonly reason: string;
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly SkippedTest[];
  /** Started and not ended: where a file that had to be stopped was hanging. */
  readonly unfinished: readonly string[];
}

/** Counts tests, not suites; a test that failed only because of an inner one is that inner one. */
export function countTests(events: readonly TestEvent[]): TestCounts {
  const failed: string[] = [];
  const skipped: SkippedTest[] = [];
  const running = new Map<number, string>();
  let passed = 0;
  for (const event of events) {
    const { type, id, name, isSuite, skip, todo, failureType } = event;
    if (type === 'start') {
      running.set(id, name);
      continue;
    }
    running.delete(id);
    if (failureType === 'subtestsFailed') continue;
    if (skip !== undefined) skipped.push({ name, reason: skip });
    else if (todo !== undefined) skipped.push({ name, reason: `todo ${todo}`.trim() });
    else if (type === 'fail') failed.push(name);
    else if (!isSuite) passed++;
  }
  return { passed, failed, skipped, unfinished: [...running.values()] };
}
