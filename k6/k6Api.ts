import { asyncRequest } from 'k6/http';
import { Client, StatusDeadlineExceeded, StatusOK, StatusResourceExhausted, StatusUnavailable } from 'k6/net/grpc';
import {
  atLeastQuery,
  type HttpAnswer,
  readAcknowledgement,
  readAddAnswer,
  readAdditionAnswer,
  readProofAnswer,
  readTotalAnswer,
} from './load/answers.ts';
import type { AddOutcome, LoadAddition, LoadApi } from './load/api.ts';

export interface K6ApiOptions {
  /** URL of the calculator's HTTP API. */
  readonly calculator: string;
  /** host:port of the calculator's gRPC API. */
  readonly grpc: string;
  /** URL of the aggregator's HTTP API. */
  readonly aggregator: string;
}

const timeout = '30s';
const method = 'sumpipeline.v1.Calculator/Add';

/** Makes the calls to the pipeline for k6. Call this in the init context: k6 reads proto files only there. */
export function createK6Api({ calculator, grpc, aggregator }: K6ApiOptions): LoadApi {
  const client = new Client();
  client.load(['../proto'], 'sumpipeline/v1/sumpipeline.proto');
  let isConnected = false;

  async function addOverGrpc({ requestId, series, a, b }: LoadAddition): Promise<AddOutcome> {
    try {
      if (!isConnected) client.connect(grpc, { plaintext: true, timeout });
      isConnected = true;
      const { status, message, error } = await client.asyncInvoke(method, { requestId, series, a, b }, { timeout });
      if (status === StatusOK) return readAcknowledgement(message);
      const reason = `gRPC status ${status}: ${JSON.stringify(error)}`;
      return { kind: retryStatuses.has(status) ? 'retry' : 'refused', reason };
    } catch (error) {
      // k6 throws when the connection cannot be made.
      return { kind: 'retry', reason: String(error) };
    }
  }

  async function addOverHttp(addition: LoadAddition): Promise<AddOutcome> {
    const params = { headers: { 'content-type': 'application/json' }, tags: { name: 'POST /v1/additions' }, timeout };
    return readAddAnswer(
      await answerOf(asyncRequest('POST', `${calculator}/v1/additions`, JSON.stringify(addition), params)),
    );
  }

  /** Sends a GET. `name` is the route: without a name k6 would keep a series for each URL. */
  function get(path: string, name: string): Promise<HttpAnswer> {
    // A response of 404 or 504 is expected here: it means "not yet".
    return answerOf(asyncRequest('GET', `${aggregator}${path}`, null, { tags: { name }, timeout }));
  }

  return {
    add: (protocol, addition) => (protocol === 'grpc' ? addOverGrpc(addition) : addOverHttp(addition)),
    findAddition: async (requestId) =>
      readAdditionAnswer(await get(`/v1/additions/${requestId}`, 'GET /v1/additions/{requestId}')),
    readTotal: async (series, atLeast) =>
      readTotalAnswer(
        await get(`/v1/totals/${encodeURIComponent(series)}${atLeastQuery(atLeast)}`, 'GET /v1/totals/{series}'),
      ),
    readProof: async () => readProofAnswer(await get('/v1/proof', 'GET /v1/proof')),
  };
}

const retryStatuses: ReadonlySet<number> = new Set([
  StatusUnavailable,
  StatusDeadlineExceeded,
  StatusResourceExhausted,
]);

async function answerOf(request: Promise<{ status: number; body: unknown }>): Promise<HttpAnswer> {
  const { status, body } = await request;
  return { status, body: typeof body === 'string' ? body : '' };
}
