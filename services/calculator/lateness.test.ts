import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lateness } from './lateness.ts';

test('an append is late after a second at the earliest, however fast responses are', () => {
  const lateness = new Lateness();
  assert.equal(lateness.boundMs, 1_000);
  for (let count = 0; count < 100; count++) lateness.observe(3);
  assert.equal(lateness.boundMs, 1_000);
});

test('the limit grows with slow responses, up to a time that a call can still use, and shrinks again', () => {
  const lateness = new Lateness();
  for (let count = 0; count < 50; count++) lateness.observe(1_500);
  assert.ok(lateness.boundMs > 1_500 && lateness.boundMs < 2_000, String(lateness.boundMs));
  for (let count = 0; count < 50; count++) lateness.observe(9_000);
  assert.equal(lateness.boundMs, 4_000);
  for (let count = 0; count < 100; count++) lateness.observe(5);
  assert.equal(lateness.boundMs, 1_000);
});

test('the limit is further above the mean if response times vary', () => {
  const lateness = new Lateness();
  for (let count = 0; count < 100; count++) lateness.observe(count % 2 === 0 ? 300 : 1_100);
  assert.ok(lateness.boundMs > 1_500, String(lateness.boundMs));
});
