import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVerdict, type Verdict } from './verdict.ts';

const health = { ok: true, reason: 'Connected', message: 'fine' };
const verdict: Verdict = {
  at: '2026-01-02T03:04:05Z',
  exact: null,
  reason: 'Unknown',
  message: 'not counted yet',
  kafka: health,
  store: health,
  durability: { ok: false, reason: 'SettingsWeak', message: 'one replica' },
  halts: [{ partition: 3, reason: 'LogRange', message: 'gone' }],
  drained: false,
};

test('a verdict is read back as it was written', () => {
  assert.deepEqual(parseVerdict(JSON.stringify(verdict)), { ok: true, value: verdict });
});

test('invalid text in the ConfigMap is a problem, not an exception', () => {
  for (const text of ['', '{', 'null', '[]', '{}', '"exact"', JSON.stringify({ ...verdict, exact: 'yes' })]) {
    const parsed = parseVerdict(text);
    assert.ok(!parsed.ok, text);
    assert.notEqual(parsed.problem, '');
  }
  const long = { ...verdict, message: 'x'.repeat(3000) };
  assert.equal(parseVerdict(JSON.stringify(long)).ok, false);
});
