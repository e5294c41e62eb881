import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toLedgerError } from './errors.ts';
import { BatchDataError, BooksError, FencedError, StoreIdentityError, StoreUnavailableError } from './port.ts';

const sources = { uri: 'Secret db, key uri', ca: undefined };

/** Builds an error of pg, with an SQLSTATE or with a code of Node. */
function failure(
  code: string,
  more: { message?: string; constraint?: string; detail?: string; dataType?: string } = {},
): Error {
  return Object.assign(new Error(more.message ?? 'it failed'), { code, ...more });
}

describe('an error of PostgreSQL', () => {
  for (const [what, error, kind] of [
    ['a lost fence', failure('SP001'), FencedError],
    ['a gap', failure('SP002'), BooksError],
    ['dispositions that do not add up', failure('SP003'), BooksError],
    ['the schema of another pipeline', failure('SP004'), StoreIdentityError],
    ['a value that is no number', failure('22P02'), BatchDataError],
    [
      'a value that a domain refuses',
      failure('23514', { constraint: 'amount_check', dataType: 'amount' }),
      BatchDataError,
    ],
    ['a broken law', failure('23514', { constraint: 'conservation_law' }), BooksError],
    ['a counter below zero', failure('23514', { constraint: 'partitions_applied_check' }), BooksError],
    ['an offset counted twice', failure('23505', { constraint: 'position_counted_once' }), BooksError],
    ['any other constraint', failure('23503'), BooksError],
    ['a lost connection', failure('ECONNRESET'), StoreUnavailableError],
    ['a stopped transaction', failure('25P04'), StoreUnavailableError],
    ['a server that shuts down', failure('57P01'), StoreUnavailableError],
    ['a deadlock', failure('40P01'), StoreUnavailableError],
    ['a lock that another session keeps', failure('55P03'), StoreUnavailableError],
    ['something that is no error', 'text', StoreUnavailableError],
  ] as const) {
    test(`that is ${what} becomes ${kind.name}`, () => {
      assert.ok(toLedgerError(error, sources) instanceof kind);
    });
  }

  test('of PostgreSQL older than 17 says so', () => {
    const error = toLedgerError(
      failure('42704', { message: 'unrecognized configuration parameter "transaction_timeout"' }),
      sources,
    );
    assert.match(error.message, /PostgreSQL of Secret db, key uri is too old: use PostgreSQL 17 or newer/);
  });

  test('that is a timeout names the server that does not respond', () => {
    const error = toLedgerError(new Error('Query read timeout'), sources);
    assert.ok(error instanceof StoreUnavailableError);
    assert.deepEqual(
      [error.reason, error.message],
      ['Unreachable', 'PostgreSQL of Secret db, key uri does not respond'],
    );
  });

  test('about a certificate without a CA says where to name one', () => {
    const error = toLedgerError(failure('SELF_SIGNED_CERT_IN_CHAIN'), sources);
    assert.match(error.message, /set store.postgres.caSecretRef/);
  });
});
