import { ResponseError } from '@platformatic/kafka';

/**
 * An answer in which only some parts are errors. The request layer throws for the whole answer when one partition has
 * no leader; the other partitions are as good as ever, so the answer is taken from the error and its parts are looked
 * at by their own error codes.
 */
export async function evenWithErrors<Answer extends object>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ResponseError && isAnswer<Answer>(error['response'])) return error['response'];
    throw error;
  }
}

/** What the layer parsed for this very request: it sets `response` from the same parser that makes the answer. */
function isAnswer<Answer extends object>(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null;
}
