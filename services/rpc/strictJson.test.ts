import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SumError } from '#core/errors.ts';
import { parseStrictJson } from './strictJson.ts';

const parse = (text: string, decimals: string[] = []) => parseStrictJson(Buffer.from(text), decimals);

test('any JSON value comes out as JSON.parse gives it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.deepEqual(parse(text), JSON.parse(text));
    }),
  );
});

describe('a number in a decimal field keeps its text', () => {
  for (const number of [
    '1',
    '1.10',
    '-0',
    '1e400',
    '12345678901234567890.123',
    '0.1000000000000000055511151231257827',
  ]) {
    test(number, () => {
      assert.deepEqual(parse(`{"a": ${number}, "b": 0.5}`, ['a']), { a: number, b: 0.5 });
    });
  }
});

describe('a key that occurs twice is refused', () => {
  const bodies: [string, string][] = [
    ['plainly', '{"a":"1","b":"2","a":"3"}'],
    ['by another spelling', '{"a":"1","\\u0061":"3"}'],
    ['in an inner object', '{"x":[{"a":1},{"a":1,"a":2}]}'],
    ['after an inner object', '{"a":{"b":1},"c":[1,"a"],"a":2}'],
    ['as __proto__', '{"__proto__":1,"__proto__":2}'],
  ];
  for (const [how, body] of bodies) {
    test(how, () => assert.throws(() => parse(body), /occurs twice in one object/));
  }
  test('but the same key in two objects is fine', () => {
    const body = '[{"a":1},{"a":2},{"b":{"a":"a:"},"a":"\\"a\\":"}]';
    assert.deepEqual(parse(body), [{ a: 1 }, { a: 2 }, { b: { a: 'a:' }, a: '"a":' }]);
  });
});

describe('what is not JSON is refused as malformed', () => {
  const bodies: [string, Buffer][] = [
    ['nothing', Buffer.from('')],
    ['spaces', Buffer.from(' \n')],
    ['half an object', Buffer.from('{"a":')],
    ['two documents', Buffer.from('{}{}')],
    ['NaN', Buffer.from('{"a":NaN}')],
    ['a form', Buffer.from('a=1&b=2')],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
  ];
  for (const [what, body] of bodies) {
    test(what, () => {
      assert.throws(
        () => parseStrictJson(body, []),
        (error: unknown) => error instanceof SumError && error.code === 'malformed-json' && error.message !== '',
      );
    });
  }
});

test('deep nesting neither crashes nor passes silently', () => {
  const deep = '['.repeat(30_000) + ']'.repeat(30_000);
  try {
    parse(deep);
  } catch (error) {
    assert.ok(error instanceof SumError, String(error));
  }
});
