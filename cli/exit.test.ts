import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError, describeChain, describeFailure } from './exit.ts';

/** What `await using` throws when the work failed and then its clean-up did. */
async function failTwice(): Promise<unknown> {
  try {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => {
      throw new CliError(1, 'the pipeline may still be there', { hint: 'Remove it.' });
    });
    throw new CliError(3, 'no answer', { hint: 'Look at it.' });
  } catch (error) {
    return error;
  }
}

test('a failure whose clean-up failed as well is told with both, in their order, and ends as the first', async () => {
  const error = await failTwice();
  assert.deepEqual(describeFailure(error), {
    exitCode: 3,
    text: 'error: no answer\nLook at it.\nerror: the pipeline may still be there\nRemove it.\n',
  });
  assert.equal(describeChain(error), 'no answer; then the pipeline may still be there');
});

test('a chain of causes is told once and in order, with codes where there are no words', () => {
  const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' });
  const error = new Error('cannot reach it', { cause: new Error('cannot reach it', { cause: refused }) });
  assert.equal(describeChain(error), 'cannot reach it: ECONNREFUSED');
});
