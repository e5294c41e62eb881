import { create } from '@bufbuild/protobuf';
import {
  type AddRequest,
  type AddResponse,
  AddResponseSchema,
  type Calculator,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { encodeRecord } from '#contract/record.ts';
import { type Addition, isSameAddition, parseAddition } from '#core/addition.ts';
import { SumError } from '#core/errors.ts';
import { formatPosition } from '#core/vector.ts';
import { DeadlineError, withDeadline } from '#platform/time.ts';
import { AppendError, type LogRecordInput } from '#services/eventlog/port.ts';
import type { CallContext, HttpRoute } from '#services/rpc/method.ts';
import { NeverSentError, QueueFullError } from './batcher.ts';
import type { Acknowledged, RecentAdditions } from './recent.ts';

export interface CalculatorApiOptions {
  readonly logEpoch: number;
  readonly recent: RecentAdditions;
  /** Returns true if Kafka confirms that the topic still holds the remembered additions. Never rejects. */
  readonly isLogConfirmed: () => Promise<boolean>;
  /**
   * Writes one record and returns its position. Throws SumError if Kafka is not connected, and the errors of
   * Batcher.add.
   */
  readonly write: (record: LogRecordInput, deadline: number) => Promise<{ partition: number; offset: bigint }>;
  readonly onReplayed: () => void;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
}

export const calculatorRoutes: readonly HttpRoute<typeof Calculator>[] = [
  { method: 'add', verb: 'POST', path: '/v1/additions', request: { kind: 'body', decimals: ['a', 'b'] } },
];

/** Maximum wait for Kafka's confirmation of the topic id. A healthy broker responds in milliseconds. */
const confirmWithinMs = 1_000;

/** The Calculator service, the same for gRPC and HTTP. */
export class CalculatorApi {
  readonly #options: CalculatorApiOptions;

  constructor(options: CalculatorApiOptions) {
    this.#options = options;
  }

  /** Computes the result and returns it after Kafka acknowledged the record. Throws SumError. */
  async add(request: AddRequest, call: CallContext): Promise<AddResponse> {
    const addition = parseAddition(request);
    const known = this.#options.recent.find(addition.requestId);
    if (known !== undefined && (await this.#isLogConfirmed(call.deadline))) return this.#replay(addition, known);
    return answer(await this.#write(addition, call.deadline), false);
  }

  /**
   * Returns false if Kafka does not confirm the topic in time. Takes at most half of the remaining time: the other half
   * is for writing the addition again.
   */
  async #isLogConfirmed(deadline: number): Promise<boolean> {
    const { isLogConfirmed, now } = this.#options;
    const withinMs = Math.min(confirmWithinMs, (deadline - now()) / 2);
    try {
      return await withDeadline('the request for the topic id', Math.max(0, withinMs), isLogConfirmed());
    } catch {
      return false;
    }
  }

  #replay(addition: Addition, known: Acknowledged): AddResponse {
    if (!isSameAddition(addition, known.addition)) {
      const { series, a, b } = known.addition;
      throw new SumError(
        'id-conflict',
        `requestId ${addition.requestId} was acknowledged here for ${a} + ${b} in series "${series}" at ` +
          `${formatPosition(known.position)}; use a new id for another addition`,
        { field: 'requestId' },
      );
    }
    this.#options.onReplayed();
    return answer(known, true);
  }

  async #write(addition: Addition, deadline: number): Promise<Acknowledged> {
    const { recent, logEpoch, now } = this.#options;
    const writing = this.#options.write(encodeRecord(addition), deadline).then((place) => {
      const acknowledged = { addition, position: { ...place, logEpoch } };
      // Remember the addition even if the client no longer waits, because a retry then gets this acknowledgement.
      recent.remember(acknowledged);
      return acknowledged;
    });
    try {
      return await withDeadline('the write', Math.max(0, deadline - now()), writing);
    } catch (error) {
      throw explainWriteError(error, addition.requestId);
    }
  }
}

function answer({ addition, position }: Acknowledged, replayed: boolean): AddResponse {
  const { requestId, series, result } = addition;
  return create(AddResponseSchema, { requestId, series, result, position, replayed });
}

function explainWriteError(error: unknown, requestId: string): SumError {
  if (error instanceof SumError) return error;
  if (error instanceof QueueFullError) {
    return new SumError('queue-full', `${error.message}. Nothing was written: slow down and retry`, { cause: error });
  }
  if (error instanceof NeverSentError) {
    return new SumError('unavailable', `${error.message}. Nothing was written: retry`, { cause: error });
  }
  // The batcher splits a batch that is too large. So here a single record is too large.
  if (error instanceof AppendError && error.outcome === 'tooLarge') {
    return new SumError(
      'body-too-large',
      'Kafka refused this addition, because its record is larger than the topic allows. ' +
        'Shorten the series, or raise max.message.bytes of the topic',
      { cause: error },
    );
  }
  const reason = error instanceof DeadlineError ? 'no acknowledgement before the deadline' : messageOf(error);
  return new SumError(
    'outcome-unknown',
    `${reason}. The addition may or may not be in the log: retry with the same requestId ${requestId}, it is counted once`,
    { cause: error },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
