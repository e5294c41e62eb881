import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseStoreUri } from './storeUri.ts';

const base = 'postgres://user:hunter2@db:5432/sums';

describe('TLS of a store URI', () => {
  const rows: [query: string, withoutCa: string | RegExp, withCa: string | RegExp][] = [
    ['', 'off', 'verified'],
    ['?sslmode=disable', 'off', /sslmode=disable, but a CA is given/],
    ['?sslmode=require', 'unverified', 'verified'],
    ['?sslmode=verify-ca', 'verified', 'verified'],
    ['?sslmode=verify-full', 'verified', 'verified'],
    ['?ssl=true', 'unverified', 'verified'],
    ['?sslrootcert=system', 'verified', 'verified'],
    ['?sslrootcert=system&sslmode=verify-full', 'verified', 'verified'],
    ['?sslrootcert=system&sslmode=require', /use sslmode=verify-full/, /use sslmode=verify-full/],
    ['?sslrootcert=system&sslmode=disable', /remove one of them/, /remove one of them/],
    ['?sslmode=prefer', /falls back to plaintext/, /falls back to plaintext/],
    ['?sslmode=allow', /falls back to plaintext/, /falls back to plaintext/],
    ['?sslmode=REQUIRE', /sslmode=REQUIRE: use disable/, /sslmode=REQUIRE: use disable/],
    ['?sslmode=', /sslmode=: use disable/, /sslmode=: use disable/],
    ['?SSLMODE=require', /parameter "SSLMODE".*write it as sslmode/, /write it as sslmode/],
    ['?ssl=1', /ssl=1: use sslmode/, /ssl=1: use sslmode/],
    ['?ssl=false', /ssl=false: use sslmode/, /ssl=false: use sslmode/],
    ['?ssl=true&sslmode=disable', /both ssl and sslmode/, /both ssl and sslmode/],
    ['?sslmode=disable&sslmode=require', /sslmode twice/, /sslmode twice/],
    ['?sslrootcert=/etc/ca.pem', /caSecretRef/, /caSecretRef/],
    ['?sslcert=/etc/me.pem', /client certificates are not supported/, /client certificates/],
    ['?channel_binding=require', /parameter "channel_binding"/, /parameter "channel_binding"/],
    ['?requiressl=1', /parameter "requiressl"/, /parameter "requiressl"/],
    ['?host=/tmp', /parameter "host".*before the database/, /before the database/],
    ['?gssencmode=disable', /parameter "gssencmode"/, /parameter "gssencmode"/],
  ];
  for (const [query, withoutCa, withCa] of rows) {
    for (const [hasCa, expected] of [
      [false, withoutCa],
      [true, withCa],
    ] as const) {
      test(`with ${query || 'no parameters'} and ${hasCa ? 'a' : 'no'} CA is ${expected}`, () => {
        const parse = () => parseStoreUri(`${base}${query}`, { hasCa });
        if (typeof expected === 'string') assert.equal(parse().tls, expected);
        else assert.throws(parse, expected);
      });
    }
  }
});

describe('a store URI', () => {
  test('is taken apart and decoded', () => {
    const target = parseStoreUri('postgresql://me%40x:p%23%25@[::1]:6432/a%2Fb', { hasCa: false });
    assert.deepEqual(target, {
      host: '::1',
      port: 6432,
      database: 'a/b',
      user: 'me@x',
      password: 'p#%',
      tls: 'off',
    });
  });

  const bad: [text: string, problem: RegExp][] = [
    ['hunter2', /is not a URI/],
    ['mysql://user:hunter2@db/sums', /must be postgres:/],
    ['postgres://db/sums', /must be postgres:/],
    ['postgres://user:hunter2@db', /must be postgres:/],
    ['postgres://user:hunter2@db/sums#x', /write it as %23/],
    ['postgres://user:hunter2%@db/sums', /password that is not percent-encoded/],
  ];
  for (const [text, problem] of bad) {
    test(`${text} is refused without showing it`, () => {
      assert.throws(
        () => parseStoreUri(text, { hasCa: false }),
        (error: Error) => {
          assert.match(error.message, problem);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });
  }
});
