import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError, describeChain, describeFailure } from './exit.ts';

/** Returns the error that `await using` throws when both the work and its clean-up failed. */
async function failTwice(): Promise<unknown> {
  try {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => {
      throw new CliError(1, 'the pipeline may still exist', { hint: 'Remove it.' });
    });
    throw new CliError(3, 'no answer', { hint: 'Look at it.' });
  } catch (error) {
    return error;
  }
}

test('if a command and its clean-up fail, both errors are printed in order, with the exit code of the first', async () => {
  const error = await failTwice();
  assert.deepEqual(describeFailure(error), {
    exitCode: 3,
    text: 'error: no answer\nLook at it.\nerror: the pipeline may still exist\nRemove it.\n',
  });
  assert.equal(describeChain(error), 'no answer; then the pipeline may still exist');
});

test('a chain of causes is printed once and in order, with codes where messages are empty', () => {
  const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' });
  const error = new Error('cannot reach it', { cause: new Error('cannot reach it', { cause: refused }) });
  assert.equal(describeChain(error), 'cannot reach it: ECONNREFUSED');
});
