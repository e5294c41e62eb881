import { ResponseError } from '@platformatic/kafka';

/**
 * Returns the response even if some of its parts are errors. @platformatic/kafka throws for the whole response when one
 * partition has no leader, although the other partitions are valid. So this function takes the response from the error.
 * The caller must check the error code of each part.
 */
export async function evenWithErrors<Answer extends object>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ResponseError && isAnswer<Answer>(error['response'])) return error['response'];
    throw error;
  }
}

/** Checks only that there is a response: @platformatic/kafka parses it as it parses a response without errors. */
function isAnswer<Answer extends object>(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null;
}
