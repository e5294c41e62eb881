import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorClass, errorFromNetwork, errorFromStatus } from './errors.ts';

const request = { verb: 'apply', kind: 'Deployment', namespace: 'team', name: 'web' };
const typedPatch = 'failed to create typed patch object (team/web): .spec.replicaz: field not declared in schema';

const table: [status: number, reason: string, message: string, expected: ErrorClass][] = [
  [404, 'NotFound', 'deployments.apps "web" not found', 'notFound'],
  [409, 'AlreadyExists', 'exists', 'alreadyExists'],
  [409, 'Conflict', 'modified', 'conflict'],
  [410, 'Expired', 'too old resource version', 'gone'],
  [410, 'Gone', 'gone', 'gone'],
  [400, 'BadRequest', 'bad', 'invalid'],
  [422, 'Invalid', 'spec.replicas', 'invalid'],
  [415, 'UnsupportedMediaType', 'no', 'invalid'],
  [401, 'Unauthorized', 'no', 'forbidden'],
  [403, 'Forbidden', 'no', 'forbidden'],
  [429, 'TooManyRequests', 'slow down', 'tooManyRequests'],
  [500, 'InternalError', 'etcdserver: request timed out', 'transient'],
  [500, 'InternalError', typedPatch, 'terminal'],
  [503, 'ServiceUnavailable', 'starting', 'transient'],
  [504, 'Timeout', 'too large resource version', 'transient'],
];

for (const [status, reason, message, expected] of table) {
  test(`${status} ${reason} "${message.slice(0, 40)}" is ${expected}`, () => {
    const error = errorFromStatus({ status, body: { kind: 'Status', reason, message, code: status }, request });
    assert.equal(error.class, expected);
    assert.equal(error.message, `apply Deployment team/web: ${message} (${status} ${reason})`);
  });
}

test('a lost identity is a conflict although the server calls it invalid', () => {
  const details = { causes: [{ field: 'metadata.uid', reason: 'FieldValueInvalid', message: 'field is immutable' }] };
  const body = { kind: 'Status', reason: 'Invalid', message: 'web is invalid', details };
  assert.equal(errorFromStatus({ status: 422, body, request }).class, 'conflict');
});

test('how long to wait comes from the status or from the header', () => {
  const details = { retryAfterSeconds: 3 };
  const body = { kind: 'Status', reason: 'TooManyRequests', details };
  assert.equal(errorFromStatus({ status: 429, body, request }).retryAfterMs, 3000);
  assert.equal(errorFromStatus({ status: 429, body: '', retryAfterHeader: '7', request }).retryAfterMs, 7000);
  assert.equal(errorFromStatus({ status: 429, body: '', retryAfterHeader: 'soon', request }).retryAfterMs, undefined);
});

test('an answer that is not from Kubernetes shows its beginning', () => {
  const error = errorFromStatus({ status: 502, body: `<html>\n  Bad   Gateway ${'x'.repeat(1000)}`, request });
  assert.equal(error.class, 'transient');
  assert.match(error.message, /: <html> Bad Gateway x+\.\.\. \(502 ServerError\)$/);
});

test('what the server says about a Secret is withheld, because it may quote it', () => {
  const body = {
    kind: 'Status',
    reason: 'Invalid',
    message: 'Invalid value: "hunter2"',
    details: { causes: [{ message: 'hunter2' }] },
  };
  const error = errorFromStatus({ status: 422, body, request: { ...request, kind: 'Secret' } });
  assert.equal(JSON.stringify([error.message, error.serverMessage, error.causes]).includes('hunter2'), false);
});

test('a failure below HTTP is transient and carries the code of its deepest cause', () => {
  const socket = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6443'), { code: 'ECONNREFUSED' });
  const error = errorFromNetwork(new Error('fetch failed', { cause: socket }), request);
  assert.equal(error.class, 'transient');
  assert.equal(error.reason, 'ECONNREFUSED');
  assert.equal(error.status, undefined);
});
