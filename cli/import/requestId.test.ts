import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestIdProblem } from '#core/requestId.ts';
import { importRequestId } from './requestId.ts';

test('the id of a row never changes: an import by another version must find the same rows', () => {
  assert.equal(importRequestId('billing-2026-06', 1), 'aa736931-0e25-832b-a22f-c8ad83ac3c3d');
  assert.equal(importRequestId('billing-2026-06', 2), 'f028dc21-9893-8745-9c23-9eca62b92e82');
  assert.equal(importRequestId('sha256:00', 1), '63eef4fe-87ee-8532-b15a-eae98140daf8');
});

test('every id is a valid UUID of version 8', () => {
  for (let row = 1; row <= 200; row++) {
    const id = importRequestId('import', row);
    assert.equal(requestIdProblem(id), undefined);
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test('import id and row number cannot be confused', () => {
  const ids = [
    importRequestId('a', 11),
    importRequestId('a1', 1),
    importRequestId('a\u00001', 1),
    importRequestId('a', 1),
    importRequestId('', 1),
  ];
  assert.equal(new Set(ids).size, ids.length);
});
