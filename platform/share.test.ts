import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareWhileOpen } from './share.ts';

test('callers share a running call, errors included, and the next call runs again', async () => {
  const questions: PromiseWithResolvers<number>[] = [];
  const ask = shareWhileOpen(() => {
    const question = Promise.withResolvers<number>();
    questions.push(question);
    return question.promise;
  });
  const both = [ask(), ask()];
  questions[0]?.resolve(1);
  assert.deepEqual(await Promise.all(both), [1, 1]);
  const failing = [ask(), ask()].map((answer) => assert.rejects(answer, /no answer/));
  questions[1]?.reject(new Error('no answer'));
  await Promise.all(failing);
  const last = ask();
  questions[2]?.resolve(3);
  assert.equal(await last, 3);
  assert.equal(questions.length, 3);
});
