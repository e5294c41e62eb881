import type { DataPlaneMetric } from '#contract/metrics.ts';
import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { DeadlineError, withDeadline } from '#platform/time.ts';
import { deadlineExceeded, type Failure, failureOf, internalFailure } from './failure.ts';
import type { CallContext } from './method.ts';

export interface CallsOptions {
  readonly logger: Logger;
  readonly metrics: Metrics<DataPlaneMetric>;
  /** Milliseconds since the Unix epoch. Default Date.now. */
  readonly now?: () => number;
}

/** What the client asked for, before it is bounded. */
export interface CallRequest {
  /** The method's name without its service; a label of metrics. */
  readonly method: string;
  /** Milliseconds since the Unix epoch; undefined when the client set none. */
  readonly deadline: number | undefined;
  readonly signal: AbortSignal;
}

export type Answer<Response> =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly failure: Failure };

/** Without a deadline of the client's own. Longer than an election of a new partition leader. */
export const defaultTimeoutMs = 10_000;
/** More would only hold memory for a client that is long gone. */
export const maximumTimeoutMs = 60_000;
/** What a handler may take beyond its deadline before the edge answers for it. */
const graceMs = 500;

/** Runs every call of both protocols: bounds its time, counts it, and turns what it throws into a Failure. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #now: () => number;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Never rejects. */
  async run<Response>(
    { method, deadline: asked, signal }: CallRequest,
    work: (call: CallContext) => Promise<Response>,
  ): Promise<Answer<Response>> {
    const startedAt = this.#now();
    const deadline = Math.min(asked ?? startedAt + defaultTimeoutMs, startedAt + maximumTimeoutMs);
    const answer = await this.#settle(method, deadline - startedAt + graceMs, () => work({ deadline, signal }));
    const { metrics } = this.#options;
    const result = answer.ok ? 'ok' : answer.failure.code;
    metrics.increment('sumpipeline_requests_total', { method, result });
    metrics.observe('sumpipeline_request_duration_seconds', (this.#now() - startedAt) / 1000, { method });
    return answer;
  }

  /** A request that never became a call: no such path, too large, broken. */
  countRefused({ code }: Failure): void {
    this.#options.metrics.increment('sumpipeline_requests_total', { method: 'none', result: code });
  }

  async #settle<Response>(method: string, withinMs: number, work: () => Promise<Response>): Promise<Answer<Response>> {
    try {
      return { ok: true, response: await withDeadline(method, Math.max(0, withinMs), work()) };
    } catch (error) {
      if (error instanceof SumError) return { ok: false, failure: failureOf(error) };
      if (error instanceof DeadlineError) return { ok: false, failure: deadlineExceeded };
      this.#options.logger.error({ error, method }, 'a request failed inside');
      return { ok: false, failure: internalFailure };
    }
  }
}
