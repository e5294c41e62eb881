import { ResponseError } from '@platformatic/kafka';

/**
 * A response in which only some parts are errors. The request layer throws for the whole response when one partition
 * has no leader, although the other partitions are valid. So the response is taken from the error, and each part is
 * checked by its own error code.
 */
export async function evenWithErrors<Answer extends object>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ResponseError && isAnswer<Answer>(error['response'])) return error['response'];
    throw error;
  }
}

/** The request layer sets `response` with the same parser that returns a normal response. */
function isAnswer<Answer extends object>(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null;
}
