import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes, fingerprintOf } from './fingerprint.ts';
import { requestIdFromBytes, requestIdToBytes } from './requestId.ts';

test('the fingerprint is the documented hash, byte for byte', () => {
  // These bytes are written by hand: u32 length and UTF-8 of "é", "1", "-2.5".
  const bytes = Buffer.from('00000002c3a9' + '0000000131' + '000000042d322e35', 'hex');
  const expected = createHash('sha256').update(bytes).digest().subarray(0, 16);
  assert.deepEqual(Buffer.from(fingerprintOf({ series: 'é', a: '1', b: '-2.5' })), expected);
});

test('the fingerprint changes if text moves from one field to the next', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(8), (left, right, cut) => {
      const joined = left + right;
      const moved = { series: joined.slice(0, cut), a: joined.slice(cut), b: '' };
      fc.pre(moved.series !== left);
      assert.equal(equalBytes(fingerprintOf({ series: left, a: right, b: '' }), fingerprintOf(moved)), false);
    }),
  );
});

test('ids go to 16 bytes and back, and nothing else is an id', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const bytes = requestIdToBytes(id);
      assert.equal(bytes.length, 16);
      assert.equal(requestIdFromBytes(bytes), id);
    }),
  );
  assert.equal(requestIdFromBytes(new Uint8Array(15)), undefined);
  assert.equal(requestIdFromBytes(new Uint8Array(17)), undefined);
});
