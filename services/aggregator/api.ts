import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type GetAdditionRequest,
  type GetAdditionResponse,
  GetAdditionResponseSchema,
  type GetProofRequest,
  type GetProofResponse,
  type GetTotalRequest,
  type GetTotalResponse,
  GetTotalResponseSchema,
  type ListTotalsRequest,
  type ListTotalsResponse,
  ListTotalsResponseSchema,
  type Total,
  TotalSchema,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { invalidField, SumError } from '#core/errors.ts';
import { canonicalRequestId, requestIdProblem } from '#core/requestId.ts';
import { defaultSeries, seriesProblem } from '#core/series.ts';
import { vectorPositionsMax } from '#core/vector.ts';
import { shareWhileOpen } from '#platform/share.ts';
import { type SeriesTotal, StoreUnavailableError } from '#services/ledger/port.ts';
import type { CallContext } from '#services/rpc/method.ts';
import { buildProof } from './proof.ts';
import type { Session } from './session.ts';
import type { AggregatorState } from './state.ts';
import type { Waiting } from './waiting.ts';

export interface ApiOptions {
  readonly logEpoch: number;
  readonly state: AggregatorState;
  readonly waiting: Waiting;
  /** Returns the session that reads use. Undefined while no session is open. */
  readonly session: () => Session | undefined;
  readonly now: () => Date;
}

/** Number of series on a page of ListTotals: the maximum, and the default. */
const pageSizeMax = 1000;
const pageSizeDefault = 100;

/** The Aggregator service, the same for gRPC and HTTP. */
export class AggregatorApi {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  async getTotal(request: GetTotalRequest, call: CallContext): Promise<GetTotalResponse> {
    const series = request.series === '' ? defaultSeries : request.series;
    const problem = seriesProblem(series);
    if (problem !== undefined) throw invalidField('series', problem);
    if (request.atLeast.length > vectorPositionsMax) {
      throw invalidField(
        'atLeast',
        `names ${request.atLeast.length} positions; at most ${vectorPositionsMax} are allowed`,
      );
    }
    const { waiting, logEpoch, now } = this.#options;
    const { deadline, signal } = call;
    await waiting.until({ atLeast: request.atLeast, logEpoch, deadline, signal, now: () => now().getTime() });
    const total = await this.#read(({ ledger }) => ledger.readTotal(series));
    if (total === undefined) {
      throw new SumError('not-found', `series "${series}" has no additions yet`, { field: 'series' });
    }
    return create(GetTotalResponseSchema, { total: toTotal(total) });
  }

  async listTotals(request: ListTotalsRequest): Promise<ListTotalsResponse> {
    if (request.pageSize > pageSizeMax)
      throw invalidField('pageSize', `is ${request.pageSize}; at most ${pageSizeMax} are listed`);
    const limit = request.pageSize === 0 ? pageSizeDefault : request.pageSize;
    const after = decodePageToken(request.pageToken);
    // Read one more than requested, to know whether there is a next page.
    const found = await this.#read(({ ledger }) => ledger.listTotals({ after, limit: limit + 1 }));
    const totals = found.slice(0, limit);
    const last = found.length > limit ? totals.at(-1) : undefined;
    return create(ListTotalsResponseSchema, {
      totals: totals.map(toTotal),
      nextPageToken: last === undefined ? '' : Buffer.from(last.series, 'utf8').toString('base64url'),
    });
  }

  async getAddition(request: GetAdditionRequest): Promise<GetAdditionResponse> {
    const problem = requestIdProblem(request.requestId);
    if (problem !== undefined) throw invalidField('requestId', problem);
    const requestId = canonicalRequestId(request.requestId);
    const counted = await this.#read(({ ledger }) => ledger.readAddition(requestId));
    if (counted === undefined) {
      throw new SumError(
        'not-found',
        `no addition with id ${requestId} is counted. It may still wait in the log, or was never ` +
          'acknowledged: add it again with the same id',
        { field: 'requestId' },
      );
    }
    const { appendedAt, ...addition } = counted.addition;
    return create(GetAdditionResponseSchema, {
      addition: { ...addition, appendedAt: timestampFromDate(appendedAt) },
      conflicts: counted.conflicts.map((conflict) => ({ ...conflict })),
    });
  }

  async getProof(request: GetProofRequest): Promise<GetProofResponse> {
    const { state, logEpoch, now } = this.#options;
    if (request.recount) state.recount = await this.#recount();
    const books = await this.#read(({ ledger }) => ledger.readBooks());
    state.books = books;
    // Read Kafka after PostgreSQL: then the log ends are not below the counted offsets, and lag is never negative.
    const ranges = await this.#session()
      .topic.offsets()
      .catch(() => undefined);
    return buildProof({ exactness: state.decideExactness(), books, ranges, logEpoch, at: now() });
  }

  /**
   * Recounts every row. Requests that arrive during a recount share its result, because a recount takes long and uses a
   * connection that counting needs too.
   */
  readonly #recount = shareWhileOpen(() => this.#read(({ ledger }) => ledger.recount({ from: 'start' })));

  /** Returns the last counted position of each partition, for requests that wait. */
  readVector = () => this.#read(({ ledger }) => ledger.readVector());

  /** Returns the partitions that Kafka lists, for requests that wait. */
  readPartitions = async () => new Set((await this.#session().topic.offsets()).keys());

  async #read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await work(this.#session());
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      throw new SumError('unavailable', `the ledger cannot be read now: ${error.message}; retry`, { cause: error });
    }
  }

  #session(): Session {
    const session = this.#options.session();
    if (session !== undefined) return session;
    const { message } = this.#options.state.store;
    throw new SumError('unavailable', `the ledger is not connected: ${message}; retry`);
  }
}

function toTotal(total: SeriesTotal): Total {
  const { newestApplied, vector, ...rest } = total;
  return create(TotalSchema, {
    ...rest,
    vector: vector.map((position) => ({ ...position })),
    ...(newestApplied === undefined ? {} : { newestApplied: timestampFromDate(newestApplied) }),
  });
}

function decodePageToken(token: string): string {
  if (token === '') return '';
  const series = Buffer.from(token, 'base64url').toString('utf8');
  if (seriesProblem(series) !== undefined) {
    throw invalidField(
      'pageToken',
      'is not a page token of this service: send the nextPageToken of the previous page, or leave it out',
    );
  }
  return series;
}
