import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findLeftOut, renderLeftOut } from './leftOut.ts';

test('the parts that are left out are found in the output of Tilt', () => {
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

test('each part is printed with its reason', () => {
  assert.equal(
    renderLeftOut([{ what: 'Grafana', why: 'It is not installed.' }]),
    'Left out on this machine:\n- Grafana\n    It is not installed.',
  );
});

test('a Tiltfile without a list of left out parts is an error', () => {
  assert.throws(() => renderLeftOut([]), /printed no left out parts/);
});
