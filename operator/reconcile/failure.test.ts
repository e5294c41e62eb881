import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorFromNetwork, errorFromStatus } from '#kube/client/errors.ts';
import { StalledError, WaitingError } from '#kube/control/outcome.ts';
import { endPass, type Failure, toFailure } from './failure.ts';

const request = { verb: 'apply', kind: 'Deployment', namespace: 'shop', name: 'orders-calculator' };
const answer = (status: number, body: object = {}) =>
  errorFromStatus({ status, body: { kind: 'Status', message: 'said', ...body }, request });
const causes = (...list: object[]) => ({ details: { causes: list } });

describe('what an error means for the pipeline', () => {
  const table: Record<string, readonly [unknown, string]> = {
    'a foreign object has the name': [new StalledError('NameConflict', 'taken'), 'stalled NameConflict: taken'],
    'another object must be gone first': [new WaitingError('BeingDeleted', 'wait'), 'waiting BeingDeleted: wait'],
    'the server refuses a field': [
      answer(
        422,
        causes({ field: 'spec.template', message: 'Required value' }, { field: 'spec.x', message: 'Invalid' }),
      ),
      'stalled Rejected: Deployment shop/orders-calculator was refused by the API server: spec.template: Required value; spec.x: Invalid',
    ],
    'the server refuses the whole object': [
      answer(400, { message: 'strict decoding error' }),
      'stalled Rejected: Deployment shop/orders-calculator was refused by the API server: strict decoding error',
    ],
    'every retry would get the same response': [
      answer(500, { message: 'failed to create typed patch object' }),
      'stalled Rejected: Deployment shop/orders-calculator was refused by the API server: failed to create typed patch object',
    ],
    'a permission is missing': [
      answer(403, { message: 'cannot patch' }),
      'retry Forbidden: cannot patch. Grant the missing permission or raise the quota; the operator retries',
    ],
    'the namespace is being deleted': [
      answer(403, { message: 'being terminated', ...causes({ reason: 'NamespaceTerminating' }) }),
      'waiting NamespaceTerminating: being terminated',
    ],
  };
  for (const [what, [error, expected]] of Object.entries(table)) {
    test(what, () => {
      const { kind, reason, message } = toFailure(error);
      assert.equal(`${kind} ${reason}: ${message}`, expected);
    });
  }

  test('another writer, too many requests, a restart of the server: the pass is retried', () => {
    for (const [error, reason] of [
      [answer(409), 'Conflict'],
      [answer(404), 'Conflict'],
      [answer(429), 'ApiUnavailable'],
      [answer(503), 'ApiUnavailable'],
      [errorFromNetwork(new Error('ECONNRESET'), request), 'ApiUnavailable'],
    ] as const) {
      const failure = toFailure(error);
      assert.deepEqual([failure.kind, failure.reason], ['retry', reason], error.message);
    }
  });

  test('an error that says nothing about the pipeline is rethrown', () => {
    const lost = new Error('leadership lost');
    assert.throws(() => toFailure(lost), lost);
  });
});

describe('how a pass with failures ends', () => {
  const failure = (kind: Failure['kind'], cause: unknown): Failure => ({ kind, reason: 'R', message: 'm', cause });

  test('without a failure, as done', () => assert.deepEqual(endPass([]), {}));
  test('a waiting failure ends as done: a watch starts the next pass', () => {
    assert.deepEqual(endPass([failure('waiting', undefined)]), {});
  });
  test('a failure that a retry may fix decides over all others', () => {
    const conflict = answer(409);
    const failures = [failure('stalled', 1), failure('waiting', 2), failure('retry', conflict)];
    assert.throws(() => endPass(failures), conflict);
  });
  test('a stalled failure is checked again in a minute', () => {
    assert.deepEqual(endPass([failure('waiting', 2), failure('stalled', 1)]), { requeueAfterMs: 60_000 });
  });
});
