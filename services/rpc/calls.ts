import { SpanKind } from '@opentelemetry/api';
import type { RequestMetrics, RequestResult } from '#contract/metrics.ts';
import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { DeadlineError, withDeadline } from '#platform/time.ts';
import { contextOf, failSpan, inSpan, type SpanSettings, type TraceCarrier } from '#platform/tracing/spans.ts';
import { deadlineExceeded, type Failure, failureOf, internalFailure } from './failure.ts';
import type { CallContext } from './method.ts';

export interface CallsOptions {
  readonly logger: Logger;
  readonly metrics: Metrics<RequestMetrics>;
  /** Returns milliseconds since the Unix epoch. Default Date.now. */
  readonly now?: () => number;
}

/** A call as the client requested it. Its deadline is not reduced to the server's maximum yet. */
export interface CallRequest {
  /** Name of the method without its service. It is a label of metrics. */
  readonly method: string;
  /** Milliseconds since the Unix epoch. Undefined if the client set no deadline. */
  readonly deadline: number | undefined;
  /** Registers a callback that runs when the client disconnects. It may run at any time, also after the response. */
  readonly onGone: (gone: () => void) => void;
  /** Trace headers of the client. */
  readonly trace: TraceCarrier;
  /** Name and attributes that the protocol defines for the span. */
  readonly span: Pick<SpanSettings, 'name' | 'attributes'>;
}

export type Answer<Response> =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly failure: Failure };

/** Timeout of a call without a deadline. It is longer than the election of a new partition leader. */
const defaultTimeoutMs = 10_000;
/** Maximum timeout of a call. With a longer one, calls of clients that have disconnected would hold memory too long. */
export const maximumTimeoutMs = 60_000;
/** How long after its deadline a handler may still respond. After that the client gets deadline-exceeded. */
const graceMs = 500;

/** Runs the calls of both protocols. Limits the time of each call, counts it, and turns its errors into a Failure. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #now: () => number;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Runs one call and returns its answer. Never rejects. */
  run<Response>(request: CallRequest, work: (call: CallContext) => Promise<Response>): Promise<Answer<Response>> {
    const { span: named, trace } = request;
    return inSpan({ ...named, kind: SpanKind.SERVER, parent: contextOf(trace) }, async (span) => {
      const answer = await this.#run(request, work);
      // Let the span fail only for status 500 and above. Below 500 the request is wrong, not this service.
      if (!answer.ok && answer.failure.httpStatus >= 500) failSpan(span, answer.failure.code);
      return answer;
    });
  }

  async #run<Response>(
    { method, deadline: asked, onGone }: CallRequest,
    work: (call: CallContext) => Promise<Response>,
  ): Promise<Answer<Response>> {
    const startedAt = this.#now();
    const deadline = Math.min(asked ?? startedAt + defaultTimeoutMs, startedAt + maximumTimeoutMs);
    const context = new Context(deadline);
    onGone(() => context.end());
    const answer = await this.#withinDeadline(method, deadline - startedAt + graceMs, () => work(context));
    context.answered();
    const { metrics } = this.#options;
    const result: RequestResult = answer.ok ? 'ok' : answer.failure.code;
    metrics.sumpipeline_requests_total.inc({ method, result });
    metrics.sumpipeline_request_duration_seconds.observe({ method }, (this.#now() - startedAt) / 1000);
    return answer;
  }

  /** Counts a request that did not become a call, because it was malformed, too large, or for an unknown path. */
  countRefused({ code }: Failure): void {
    this.#options.metrics.sumpipeline_requests_total.inc({ method: 'none', result: code });
  }

  async #withinDeadline<Response>(
    method: string,
    withinMs: number,
    work: () => Promise<Response>,
  ): Promise<Answer<Response>> {
    try {
      return { ok: true, response: await withDeadline(method, Math.max(0, withinMs), work()) };
    } catch (error) {
      if (error instanceof SumError) return { ok: false, failure: failureOf(error) };
      if (error instanceof DeadlineError) return { ok: false, failure: deadlineExceeded };
      this.#options.logger.error({ error, method }, 'a request failed with an internal error');
      return { ok: false, failure: internalFailure };
    }
  }
}

/**
 * Deadline and signal of one call. To abort a signal takes longer than to process an addition. So the signal is created
 * only when the handler reads it. After the response it is not aborted: the handler has ended, or is past its deadline.
 */
class Context implements CallContext {
  readonly deadline: number;
  #controller: AbortController | undefined;
  #state: 'waiting' | 'answered' | 'gone' = 'waiting';

  constructor(deadline: number) {
    this.deadline = deadline;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#state === 'gone') this.#controller.abort();
    }
    return this.#controller.signal;
  }

  answered(): void {
    if (this.#state === 'waiting') this.#state = 'answered';
  }

  end(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'gone';
    this.#controller?.abort();
  }
}
