import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findLeftOut, renderLeftOut } from './leftOut.ts';

test('what Tilt prints of the parts that are left out is found among its other lines', () => {
  const lines = [
    'Beginning Tiltfile execution',
    'Left out: live update: the image has no tar. Build: again.',
    '          crd │ Left out, not so',
    '   (Tiltfile) │ Left out: Grafana: it is not installed.',
  ];
  assert.deepEqual(findLeftOut(lines), [
    { what: 'live update', why: 'the image has no tar. Build: again.' },
    { what: 'Grafana', why: 'it is not installed.' },
  ]);
});

test('each part is told with its reason', () => {
  assert.equal(
    renderLeftOut([{ what: 'Grafana', why: 'It is not installed.' }]),
    'Left out on this machine:\n- Grafana\n    It is not installed.',
  );
});

test('a Tiltfile that says nothing of it is an error', () => {
  assert.throws(() => renderLeftOut([]), /did not say what it left out/);
});
