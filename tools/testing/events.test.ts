import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTests, groupByFile, type TestEvent } from './events.ts';

let id = 0;
function ended(type: 'pass' | 'fail', name: string, more: Partial<TestEvent & { type: 'pass' }> = {}): TestEvent {
  return { id: ++id, name, isSuite: false, durationMs: 1, ...more, type };
}

const file = 'a.test.ts';

test('tests are counted, suites are not', () => {
  const events = [ended('pass', 'a'), ended('pass', 'b'), ended('pass', 'suite', { isSuite: true })];
  assert.deepEqual(countTests(file, events), { passed: 2, failed: [], skipped: [], unfinished: [], durationMs: 0 });
});

test('a failure of an inner test counts once, by the inner name', () => {
  const events = [
    ended('fail', 'inner', { failureType: 'testCodeFailure' }),
    ended('fail', 'outer', { failureType: 'subtestsFailed' }),
    ended('fail', 'suite', { failureType: 'subtestsFailed', isSuite: true }),
  ];
  assert.deepEqual(countTests(file, events).failed, ['inner']);
});

test('a suite whose own hook fails is a failure', () => {
  assert.deepEqual(countTests(file, [ended('fail', 'suite', { isSuite: true, failureType: 'hookFailed' })]).failed, [
    'suite',
  ]);
});

test('skipped and todo tests are neither passed nor failed, and keep their reason', () => {
  const events = [
    ended('pass', 'no root', { skip: 'needs root' }),
    ended('pass', 'plain', { skip: '' }),
    ended('pass', 'later', { todo: '' }),
    ended('fail', 'broken', { todo: 'issue 7' }),
  ];
  assert.deepEqual(countTests(file, events), {
    passed: 0,
    failed: [],
    skipped: [
      { name: 'no root', reason: 'needs root' },
      { name: 'plain', reason: '' },
      { name: 'later', reason: 'todo' },
      { name: 'broken', reason: 'todo issue 7' },
    ],
    unfinished: [],
    durationMs: 0,
  });
});

test('a test that started and did not end is unfinished, even if another has the same name', () => {
  const events: TestEvent[] = [
    { type: 'start', id: 1001, parent: 0, name: 'same' },
    { type: 'start', id: 1002, parent: 0, name: 'same' },
    ended('pass', 'same', { id: 1002 }),
  ];
  assert.deepEqual(countTests(file, events).unfinished, ['same']);
});

test('an event belongs to the outermost suite around it, which is the file', () => {
  const events: TestEvent[] = [
    { type: 'start', id: 1, parent: 0, name: 'a.test.ts' },
    { type: 'start', id: 2, parent: 0, name: 'b.test.ts' },
    { type: 'start', id: 3, parent: 1, name: 'suite' },
    { type: 'start', id: 4, parent: 3, name: 'same name' },
    { type: 'start', id: 5, parent: 2, name: 'same name' },
    ended('pass', 'same name', { id: 4 }),
    ended('fail', 'same name', { id: 5 }),
    ended('pass', 'a.test.ts', { id: 1, isSuite: true, durationMs: 70 }),
  ];
  const groups = groupByFile(events);
  assert.deepEqual([...groups.keys()], ['a.test.ts', 'b.test.ts']);
  const [a, b] = ['a.test.ts', 'b.test.ts'].map((name) => countTests(name, groups.get(name) ?? []));
  assert.deepEqual([a?.passed, a?.failed, a?.durationMs], [1, [], 70]);
  assert.deepEqual([b?.passed, b?.failed, b?.unfinished], [0, ['same name'], []]);
});

test('the name of a failure is the whole sentence, with the suites around it and without the file', () => {
  const events: TestEvent[] = [
    { type: 'start', id: 1, parent: 0, name: file },
    { type: 'start', id: 2, parent: 1, name: 'a partition' },
    { type: 'start', id: 3, parent: 2, name: 'is claimed once' },
    { type: 'start', id: 4, parent: 2, name: 'is never ended' },
    ended('fail', 'is claimed once', { id: 3, failureType: 'testCodeFailure' }),
    ended('fail', 'a partition', { id: 2, isSuite: true, failureType: 'subtestsFailed' }),
  ];
  const { failed, unfinished } = countTests(file, events);
  assert.deepEqual(failed, ['a partition > is claimed once']);
  assert.ok(unfinished.includes('a partition > is never ended'), String(unfinished));
});
