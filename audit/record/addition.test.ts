import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { AdditionRecordSchema } from '#contract/gen/sumpipeline/v1/record_pb.js';
import { decodeRecord, encodeRecord, schemaHeader } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { fingerprintOf } from '#core/fingerprint.ts';
import { decodeAddition, type RecordBytes } from './addition.ts';
import { formatAmount } from './amount.ts';

const requestId = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';

function encode(addition: { series?: string; a?: string; b?: string } = {}): RecordBytes & { value: Uint8Array } {
  const input = { requestId, series: 'orders', a: '1.5', b: '-0.25', ...addition };
  const { key, value, headers } = encodeRecord(parseAddition(input));
  return { key, value, headers: Object.entries(headers).map(([name, text]) => ({ name, value: Buffer.from(text) })) };
}

/** Builds a record that a correct calculator would not write. */
function forge(message: {
  series?: string;
  a?: string;
  b?: string;
  result?: string;
  fingerprint?: Uint8Array;
}): RecordBytes {
  const operands = { series: 'orders', a: '1', b: '2', ...message };
  const id = encode().key ?? new Uint8Array();
  const fields = { requestId: id, result: '3', fingerprint: fingerprintOf(operands), ...operands };
  return { ...encode(), value: toBinary(AdditionRecordSchema, create(AdditionRecordSchema, fields)) };
}

describe('a record of the log', () => {
  test('is read as the calculator wrote it', () => {
    const decoded = decodeAddition(encode({ series: 'naïve ☕' }));
    assert.ok(decoded.isAddition);
    const { addition } = decoded;
    assert.deepEqual(
      [addition.requestId, addition.series, ...[addition.a, addition.b, addition.value].map(formatAmount)],
      [requestId, 'naïve ☕', '1.5', '-0.25', '1.25'],
    );
  });

  test('is read with unknown headers and fields', () => {
    const record = encode();
    const unknown = Buffer.from([0x78, 0x01, 0x82, 0x01, 0x02, 0x61, 0x62]); // field 15 a varint, field 16 two bytes
    const headers = [...record.headers, { name: 'traceparent', value: Buffer.from('00-x') }];
    assert.ok(decodeAddition({ ...record, headers, value: Buffer.concat([record.value, unknown]) }).isAddition);
  });

  const good = encode();
  const schema = (value: string | null) => [{ name: schemaHeader, value: value === null ? null : Buffer.from(value) }];
  const invalid: readonly (readonly [string, RecordBytes])[] = [
    ['without the schema header', { ...good, headers: [] }],
    ['with the schema header twice', { ...good, headers: [...good.headers, ...good.headers] }],
    ['of another schema', { ...good, headers: schema('2') }],
    ['with a schema that is no number', { ...good, headers: schema('01') }],
    ['with a schema without value', { ...good, headers: schema(null) }],
    ['without value', { ...good, value: null }],
    ['that is cut off', { ...good, value: good.value.subarray(0, -3) }],
    ['that is text', { ...good, value: Buffer.from('not an addition') }],
    ['without key', { ...good, key: null }],
    ['with the key of another', { ...good, key: Buffer.alloc(16, 1) }],
    ['with an empty series', forge({ series: '' })],
    ['with a control character in the series', forge({ series: 'a\u0007' })],
    ['with a series that is too long', forge({ series: 'é'.repeat(101) })],
    ['with an operand that is not canonical', forge({ a: '1.0' })],
    ['without an operand', forge({ b: '' })],
    ['with another result', forge({ result: '4' })],
    ['with a result that is not canonical', forge({ result: '3.0' })],
    ['with another fingerprint', forge({ fingerprint: Buffer.alloc(16) })],
    ['with a field of another type', { ...good, value: Buffer.concat([good.value, Buffer.from([0x10, 0x01])]) }],
  ];
  for (const [what, record] of invalid) {
    test(`${what} is no addition`, () => assert.equal(decodeAddition(record).isAddition, false));
  }

  /** Positions of the field tags. This decoder checks their wire types (the low 3 bits), protobuf-es does not. */
  const tags = [0, 18, 26, 31, 38, 44];

  test('with any changed byte gives the result of the aggregator, except for wire types', () => {
    fc.assert(
      fc.property(fc.nat(good.value.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const value = Buffer.from(good.value);
        value.writeUInt8(value.readUInt8(at) ^ flip, at);
        if (tags.includes(at) && flip < 8) return;
        const { kind } = decodeRecord({ key: good.key, value, schema: '1' });
        assert.equal(decodeAddition({ ...good, value }).isAddition, kind === 'addition');
      }),
      { numRuns: 3000 },
    );
  });

  test('of random bytes is never an addition and never hangs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (value) => !decodeAddition({ ...good, value }).isAddition),
      { numRuns: 2000 },
    );
  });
});
