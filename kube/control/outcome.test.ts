import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorFromNetwork, errorFromStatus } from '#kube/client/errors.ts';
import { type Outcome, outcomeOfError, StalledError, WaitingError } from './outcome.ts';

const request = { verb: 'apply', kind: 'Deployment', name: 'web' };
const refused = (status: number, reason: string, message = 'no', details = {}) =>
  errorFromStatus({ status, body: { kind: 'Status', reason, message, details }, request });

const table: [what: string, error: unknown, expected: Outcome][] = [
  [
    'a stalled key is retried after ten minutes',
    new StalledError('NameConflict', 'x'),
    { result: 'stalled', requeueAfterMs: 600_000 },
  ],
  [
    'a stall may set its own wait',
    new StalledError('X', 'x', { recheckAfterMs: 5 }),
    { result: 'stalled', requeueAfterMs: 5 },
  ],
  ['a wait is for an event', new WaitingError('KafkaNotReady', 'x'), { result: 'waiting', requeueAfterMs: undefined }],
  [
    'a wait may have a time limit',
    new WaitingError('X', 'x', { retryAfterMs: 7 }),
    { result: 'waiting', requeueAfterMs: 7 },
  ],
  ['a refused object stalls its key', refused(422, 'Invalid'), { result: 'stalled', requeueAfterMs: 600_000 }],
  [
    'a 500 that every retry would get again stalls the key',
    refused(500, 'InternalError', 'failed to create typed patch object'),
    { result: 'stalled', requeueAfterMs: 600_000 },
  ],
  ['a conflict is repeated', refused(409, 'Conflict'), { result: 'retry', minimumMs: 0 }],
  ['a missing permission is retried', refused(403, 'Forbidden'), { result: 'retry', minimumMs: 0 }],
  [
    'a busy server says how long to wait',
    refused(429, 'TooManyRequests', 'slow', { retryAfterSeconds: 3 }),
    { result: 'retry', minimumMs: 3000 },
  ],
  ['a broken connection is retried', errorFromNetwork(new Error('reset'), request), { result: 'retry', minimumMs: 0 }],
  ['a bug is retried', new TypeError('x is undefined'), { result: 'retry', minimumMs: 0 }],
];

for (const [what, error, expected] of table) {
  test(what, () => assert.deepEqual(outcomeOfError(error, false), expected));
}

test('a pass that was stopped from outside has the outcome cancelled', () => {
  assert.deepEqual(outcomeOfError(new StalledError('X', 'x'), true), { result: 'cancelled' });
});
