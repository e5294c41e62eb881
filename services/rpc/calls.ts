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
  /** Milliseconds since the Unix epoch. Default Date.now. */
  readonly now?: () => number;
}

/** What the client asked for, before it is bounded. */
export interface CallRequest {
  /** The method's name without its service; a label of metrics. */
  readonly method: string;
  /** Milliseconds since the Unix epoch; undefined when the client set none. */
  readonly deadline: number | undefined;
  /** Registers what is called when the client went away; it may be called after the answer too, and at any time. */
  readonly onGone: (gone: () => void) => void;
  /** The client's place in its trace. */
  readonly trace: TraceCarrier;
  /** What the protocol calls this. */
  readonly span: Pick<SpanSettings, 'name' | 'attributes'>;
}

export type Answer<Response> =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly failure: Failure };

/** Without a deadline of the client's own. Longer than an election of a new partition leader. */
const defaultTimeoutMs = 10_000;
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
  run<Response>(request: CallRequest, work: (call: CallContext) => Promise<Response>): Promise<Answer<Response>> {
    const { span: named, trace } = request;
    return inSpan({ ...named, kind: SpanKind.SERVER, parent: contextOf(trace) }, async (span) => {
      const answer = await this.#run(request, work);
      // A request that the client has to correct is no failure of ours.
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
    const answer = await this.#settle(method, deadline - startedAt + graceMs, () => work(context));
    context.settle();
    const { metrics } = this.#options;
    const result: RequestResult = answer.ok ? 'ok' : answer.failure.code;
    metrics.sumpipeline_requests_total.inc({ method, result });
    metrics.sumpipeline_request_duration_seconds.observe({ method }, (this.#now() - startedAt) / 1000);
    return answer;
  }

  /** A request that never became a call: no such path, too large, broken. */
  countRefused({ code }: Failure): void {
    this.#options.metrics.sumpipeline_requests_total.inc({ method: 'none', result: code });
  }

  async #settle<Response>(method: string, withinMs: number, work: () => Promise<Response>): Promise<Answer<Response>> {
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
 * What the handler sees of its call. The signal is made for those who look at it, and aborted only while they wait: an
 * abort costs more than an addition, and a call that was answered has nothing left to stop.
 */
class Context implements CallContext {
  readonly deadline: number;
  #controller: AbortController | undefined;
  #state: 'waiting' | 'settled' | 'gone' = 'waiting';

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

  settle(): void {
    if (this.#state === 'waiting') this.#state = 'settled';
  }

  end(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'gone';
    this.#controller?.abort();
  }
}
