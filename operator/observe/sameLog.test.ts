import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findLogOwner, type LogUser } from './sameLog.ts';

const user = (key: string, more: Partial<LogUser> = {}): LogUser => ({
  key,
  logKeys: new Set(['log']),
  countedKeys: new Set(),
  isShared: false,
  isIdle: false,
  createdAt: '2026-01-02T00:00:00Z',
  ...more,
});
const older = { createdAt: '2026-01-01T00:00:00Z' };
const counted = { countedKeys: new Set(['log']) };

const cases: [what: string, users: [LogUser, LogUser], runs: string[]][] = [
  ['the older of two that have not counted', [user('s/a'), user('s/b', older)], ['s/b']],
  ['the one that has counted, although it is younger', [user('s/a', counted), user('s/b', older)], ['s/a']],
  [
    'the one that counted this log, although the older one counted another log before its address was changed',
    [user('s/a', counted), user('s/b', { ...older, countedKeys: new Set(['former log']) })],
    ['s/a'],
  ],
  [
    'the one that runs, although the idle one is older and has counted',
    [user('s/a'), user('s/b', { ...older, ...counted, isIdle: true })],
    ['s/a'],
  ],
  ['the first by name of two that are equal', [user('s/b'), user('s/a')], ['s/a']],
  ['both when both declare it', [user('s/a', { isShared: true }), user('s/b', { isShared: true })], ['s/a', 's/b']],
  ['one when only one declares it', [user('s/a', { isShared: true }), user('s/b', older)], ['s/b']],
  ['both when their logs differ', [user('s/a'), user('s/b', { logKeys: new Set(['other log']) })], ['s/a', 's/b']],
];

for (const [what, [one, other], runs] of cases) {
  test(`of two pipelines of one log runs ${what}`, () => {
    const found = [
      ...(findLogOwner(one, [other]) === undefined ? [one.key] : []),
      ...(findLogOwner(other, [one]) === undefined ? [other.key] : []),
    ];
    assert.deepEqual(found, runs);
  });
}

test('a pipeline is refused because of the oldest of several', () => {
  assert.equal(findLogOwner(user('s/c'), [user('s/b'), user('s/a', older)]), 's/a');
  assert.equal(findLogOwner(user('s/c'), []), undefined);
});
