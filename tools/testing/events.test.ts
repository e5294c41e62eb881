import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTests, type TestEvent } from './events.ts';

let id = 0;
function ended(type: 'pass' | 'fail', name: string, more: Partial<TestEvent> = {}): TestEvent {
  return { type, id: ++id, name, isSuite: false, ...more };
}

test('tests are counted, suites are not', () => {
  const events = [ended('pass', 'a'), ended('pass', 'b'), ended('pass', 'suite', { isSuite: true })];
  assert.deepEqual(countTests(events), { passed: 2, failed: [], skipped: [], unfinished: [] });
});

test('a failure inside counts once, by the inner name', () => {
  const events = [
    ended('fail', 'inner', { failureType: 'testCodeFailure' }),
    ended('fail', 'outer', { failureType: 'subtestsFailed' }),
    ended('fail', 'suite', { failureType: 'subtestsFailed', isSuite: true }),
  ];
  assert.deepEqual(countTests(events).failed, ['inner']);
});

test('a suite whose own hook fails is a failure', () => {
  assert.deepEqual(countTests([ended('fail', 'suite', { isSuite: true, failureType: 'hookFailed' })]).failed, [
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
  assert.deepEqual(countTests(events), {
    passed: 0,
    failed: [],
    skipped: [
      { name: 'no root', reason: 'needs root' },
      { name: 'plain', reason: '' },
      { name: 'later', reason: 'todo' },
      { name: 'broken', reason: 'todo issue 7' },
    ],
    unfinished: [],
  });
});

test('what started and did not end is unfinished, also beside another of the same name', () => {
  const events: TestEvent[] = [
    { type: 'start', id: 1001, name: 'same', isSuite: false },
    { type: 'start', id: 1002, name: 'same', isSuite: false },
    ended('pass', 'same', { id: 1002 }),
  ];
  assert.deepEqual(countTests(events).unfinished, ['same']);
});
