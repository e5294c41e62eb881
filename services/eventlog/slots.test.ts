import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('at most the given number of callers has a slot, in the order of their calls, and a second release does nothing', async () => {
  const slots = new Slots(2);
  const [one, two] = await Promise.all([slots.take(), slots.take()]);
  const order: string[] = [];
  const third = slots.take().then((release) => {
    order.push('third');
    return release;
  });
  const fourth = slots.take().then((release) => {
    order.push('fourth');
    return release;
  });
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  one();
  one();
  const releaseThird = await third;
  await new Promise(setImmediate);
  assert.deepEqual(order, ['third']);
  two();
  const releaseFourth = await fourth;
  let isIdle = false;
  const idle = slots.idle().then(() => {
    isIdle = true;
  });
  releaseThird();
  await new Promise(setImmediate);
  assert.equal(isIdle, false);
  releaseFourth();
  await idle;
  await slots.idle();
});
