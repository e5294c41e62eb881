import { z } from 'zod';
import { problemTypeBase } from '#core/errors.ts';
import { Refused, TryAgain } from './failure.ts';

/** RFC 9457; all of it optional, because a proxy on the way may answer in its own words. */
const problemSchema = z.object({
  type: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  field: z.string().optional(),
});

const shownCharacters = 200;

/** Turns an answer that is not 2xx into what happens next: 429 and 503 are tried again, everything else is final. */
export function readProblem(answer: { status: number; body: string; retryAfter: string | undefined }): Error {
  const { status, body } = answer;
  const problem = parseProblem(body);
  const code = problem?.type?.startsWith(problemTypeBase) ? problem.type.slice(problemTypeBase.length) : undefined;
  const detail =
    problem?.detail ?? problem?.title ?? `the answer was HTTP ${status}: ${body.slice(0, shownCharacters).trim()}`;
  if (status === 429) return new TryAgain(detail, { mayBeWritten: false, afterMs: seconds(answer.retryAfter) });
  // `unavailable` promises that nothing was changed; any other 503 may stand behind a write.
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
