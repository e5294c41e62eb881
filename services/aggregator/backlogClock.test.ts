import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BacklogClock } from './backlogClock.ts';

/** In the steps, `+` begins a batch, `-` ends one, and a number passes milliseconds. */
const table: [what: string, steps: (string | number)[], seconds: number][] = [
  ['one batch counts its time', ['+', 100, '-'], 0.1],
  ['time between batches does not count', ['+', 100, '-', 500, '+', 100, '-'], 0.2],
  ['time that two batches share counts once', ['+', 100, '+', 100, '-', 100, '-'], 0.3],
  ['a batch inside another adds nothing', ['+', '+', 100, '-', 50, '-'], 0.15],
  ['batches that follow at once count on', ['+', 100, '-', '+', 100, '-'], 0.2],
];
for (const [what, steps, seconds] of table) {
  test(what, () => {
    let now = 1000;
    let counted = 0;
    const clock = new BacklogClock(() => now);
    for (const step of steps) {
      if (step === '+') clock.begin();
      else if (step === '-') counted += clock.end();
      else now += Number(step);
    }
    assert.equal(Math.round(counted * 1000) / 1000, seconds);
  });
}
