import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogRecord } from '#services/eventlog/port.ts';
import { anchorOf, isAnchoredBy } from './anchor.ts';

const record: LogRecord = {
  offset: 5n,
  key: Buffer.from('key'),
  value: Buffer.from('value'),
  schema: '1',
  headers: { a: Buffer.from('1'), b: [Buffer.from('2'), '3'] },
  appendedAt: 1000,
  leaderEpoch: 1,
};
const hashOf = (changed: Partial<LogRecord>) => Buffer.from(anchorOf({ ...record, ...changed }).hash).toString('hex');

test('the hash of a record is the same in every version, because PostgreSQL stores it', () => {
  assert.equal(hashOf({}), 'ee6a85978bb99b9f19995e358f77f1ed787e6edb7b4062a920621925b28b55ed');
});

test('the same record gives the same hash, whichever client and leader delivered it', () => {
  assert.equal(hashOf({ headers: { b: ['2', Buffer.from('3')], a: '1' }, leaderEpoch: undefined }), hashOf({}));
});

test('an unreadable record is recognised by its offset and time, whatever the reason was', () => {
  const unreadable = { ...record, key: null, value: null, headers: undefined };
  const kept = anchorOf({ ...unreadable, unreadable: 'its batch unpacks to more than 16 MB' });
  assert.ok(isAnchoredBy({ ...unreadable, unreadable: 'another wording' }, kept));
  assert.ok(isAnchoredBy(record, kept), 'the record is readable for a later version');
  assert.ok(!isAnchoredBy({ ...record, appendedAt: 1001 }, kept));
  assert.ok(!isAnchoredBy({ ...unreadable, unreadable: 'lost' }, anchorOf(record)));
});

for (const [name, changed] of Object.entries<Partial<LogRecord>>({
  offset: { offset: 6n },
  time: { appendedAt: 1001 },
  key: { key: Buffer.from('kex') },
  'no key': { key: null },
  value: { value: Buffer.from('') },
  'no value': { value: null },
  'a byte that moved from key to value': { key: Buffer.from('ke'), value: Buffer.from('yvalue') },
  'a header': { headers: { a: '1', b: ['2', '4'] } },
  'the name of a header': { headers: { a: '1', c: ['2', '3'] } },
  'a header less': { headers: { a: '1' } },
  'no header': { headers: undefined },
})) {
  test(`another record gives another hash: ${name}`, () => assert.notEqual(hashOf(changed), hashOf({})));
}
