import { z } from 'zod';
import { problemTypeBase } from '#core/errors.ts';
import { Refused, TryAgain } from './failure.ts';

/** A problem document of RFC 9457. Every field is optional, because a proxy may respond in its own format. */
const problemSchema = z.object({
  type: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  field: z.string().optional(),
});

/** If a response is not a problem document, the error message quotes at most this many of its characters. */
const shownCharacters = 200;

/** Turns a response that is not 2xx into an error: TryAgain for 429 and 503, otherwise Refused. */
export function readProblem(answer: { status: number; body: string; retryAfter: string | undefined }): Error {
  const { status, body } = answer;
  const problem = parseProblem(body);
  const code = problem?.type?.startsWith(problemTypeBase) ? problem.type.slice(problemTypeBase.length) : undefined;
  const detail =
    problem?.detail ?? problem?.title ?? `the response was HTTP ${status}: ${body.slice(0, shownCharacters).trim()}`;
  if (status === 429) return new TryAgain(detail, { mayBeWritten: false, afterMs: seconds(answer.retryAfter) });
  // With the code `unavailable` the service promises that it wrote nothing. Any other 503 may come after a write.
  const mayBeWritten = code !== 'unavailable';
  if (status === 503) return new TryAgain(detail, { mayBeWritten, afterMs: seconds(answer.retryAfter) });
  return new Refused({ status, code, field: problem?.field, detail });
}

function parseProblem(body: string): z.output<typeof problemSchema> | undefined {
  try {
    return problemSchema.parse(JSON.parse(body));
  } catch {
    return undefined; // not a problem document; the caller shows the body itself
  }
}

function seconds(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
}
