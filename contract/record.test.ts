import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type Addition, parseAddition } from '#core/addition.ts';
import { fingerprintOf } from '#core/fingerprint.ts';
import { requestIdToBytes } from '#core/requestId.ts';
import { seriesProblem } from '#core/series.ts';
import { AdditionRecordSchema } from './gen/sumpipeline/v1/record_pb.js';
import { decodeRecord, encodeRecord, schemaHeader } from './record.ts';

const addition: fc.Arbitrary<Addition> = fc
  .record({
    requestId: fc.uuid(),
    series: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    a: fc.bigInt({ min: -(10n ** 36n), max: 10n ** 36n }).map(String),
    b: fc.stringMatching(/^-?[1-9]\d{0,10}\.\d{1,18}$/),
  })
  .filter(({ series }) => seriesProblem(series) === undefined)
  .map((input) => {
    try {
      return parseAddition(input);
    } catch {
      return parseAddition({ ...input, a: '1', b: '2' });
    }
  });

function decode(encoded: { key: Uint8Array | null; value: Uint8Array | null }, schema: string | undefined = '1') {
  return decodeRecord({ key: encoded.key, value: encoded.value, schema });
}

test('an encoded record is decoded again, and has its version', () => {
  fc.assert(
    fc.property(addition, (original) => {
      const encoded = encodeRecord(original);
      assert.deepEqual(encoded.headers, { [schemaHeader]: '1' });
      assert.deepEqual(decode(encoded), { kind: 'addition', addition: original });
    }),
  );
});

test('a changed byte never decodes to another addition', () => {
  fc.assert(
    fc.property(addition, fc.nat(), fc.integer({ min: 1, max: 255 }), (original, place, flip) => {
      const { key, value } = encodeRecord(original);
      const changed = Uint8Array.from(value);
      const at = place % changed.length;
      changed[at] = (changed[at] ?? 0) ^ flip;
      const decoded = decode({ key, value: changed });
      if (decoded.kind === 'addition') assert.deepEqual(decoded.addition, original);
    }),
    { numRuns: 2000 },
  );
});

test('a cut or lengthened value never decodes to another addition', () => {
  fc.assert(
    fc.property(addition, fc.nat(), fc.uint8Array({ maxLength: 8 }), (original, place, tail) => {
      const { key, value } = encodeRecord(original);
      for (const changed of [value.subarray(0, place % value.length), Buffer.concat([value, tail])]) {
        const decoded = decode({ key, value: changed });
        if (decoded.kind === 'addition') assert.deepEqual(decoded.addition, original);
      }
    }),
    { numRuns: 500 },
  );
});

test('decoding random bytes returns a result and never throws', () => {
  fc.assert(
    fc.property(
      fc.option(fc.uint8Array(), { nil: null }),
      fc.option(fc.uint8Array({ maxLength: 400 }), { nil: null }),
      fc.option(fc.string(), { nil: undefined }),
      (key, value, schema) => {
        assert.notEqual(decodeRecord({ key, value, schema }).kind, 'addition');
      },
    ),
    { numRuns: 1000 },
  );
});

describe('the result of decoding a record', () => {
  const good = parseAddition({ requestId: '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e', series: 's', a: '1', b: '2' });
  const { key, value } = encodeRecord(good);
  const fields = {
    requestId: requestIdToBytes(good.requestId),
    series: 's',
    a: '1',
    b: '2',
    result: '3',
    fingerprint: fingerprintOf(good),
  };
  const bytes = (changes: Partial<typeof fields>) =>
    toBinary(AdditionRecordSchema, create(AdditionRecordSchema, { ...fields, ...changes }));
  const cases: [what: string, record: Parameters<typeof decodeRecord>[0], kind: string, reason: RegExp | undefined][] =
    [
      ['no version', { key, value, schema: undefined }, 'undecodable', /header sumpipeline-schema is absent/],
      ['a version in words', { key, value, schema: 'one' }, 'undecodable', /not a whole number/],
      ['version 0', { key, value, schema: '0' }, 'undecodable', /not a whole number/],
      ['a version of ten digits', { key, value, schema: '1234567890' }, 'newer', undefined],
      ['two versions', { key, value, schema: '1,1' }, 'undecodable', /not a whole number/],
      ['a later version', { key, value: new Uint8Array([255]), schema: '2' }, 'newer', undefined],
      ['no value', { key, value: null, schema: '1' }, 'undecodable', /no value/],
      ['an empty value', { key, value: new Uint8Array(), schema: '1' }, 'undecodable', /request_id is not 16 bytes/],
      ['another key', { key: new Uint8Array(16), value, schema: '1' }, 'undecodable', /key is not the request_id/],
      ['no key', { key: null, value, schema: '1' }, 'undecodable', /key is not the request_id/],
      ['an operand that is no decimal', { key, value: bytes({ a: 'x' }), schema: '1' }, 'undecodable', /a must be/],
      ['an operand not canonical', { key, value: bytes({ a: '1.0' }), schema: '1' }, 'undecodable', /not canonical/],
      ['a NUL in the series', { key, value: bytes({ series: 'a\0' }), schema: '1' }, 'undecodable', /control/],
      ['an empty series', { key, value: bytes({ series: '' }), schema: '1' }, 'undecodable', /not canonical/],
      ['a wrong sum', { key, value: bytes({ result: '4' }), schema: '1' }, 'corrupt', /result is 4 but a \+ b is 3/],
      ['changed operands', { key, value: bytes({ a: '2', b: '1' }), schema: '1' }, 'corrupt', /fingerprint/],
    ];
  for (const [what, record, kind, reason] of cases) {
    test(`${what}: ${kind}`, () => {
      const decoded = decodeRecord(record);
      assert.equal(decoded.kind, kind);
      if (reason !== undefined) assert.match('reason' in decoded ? decoded.reason : '', reason);
    });
  }
});
