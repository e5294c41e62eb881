import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { Agent, request } from 'undici';
import { AddRequestSchema, AddResponseSchema, Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import {
  atLeastQuery,
  type HttpAnswer,
  readAcknowledgement,
  readAddAnswer,
  readAdditionAnswer,
  readProofAnswer,
  readTotalAnswer,
} from '#k6/load/answers.ts';
import type { AddOutcome, LoadAddition, LoadApi } from '#k6/load/api.ts';

export interface PipelineAddresses {
  /** URL of the calculator's HTTP API. */
  readonly calculator: string;
  /** host:port of the calculator's gRPC API. */
  readonly grpc: string;
  /** URL of the aggregator's HTTP API. */
  readonly aggregator: string;
}

export interface PipelineApi extends LoadApi, AsyncDisposable {}

/**
 * Maximum wait for a response, in milliseconds. It is the same as in k6, and longer than a leader election in Kafka.
 */
const timeoutMs = 30_000;
/**
 * Number of gRPC connections. All calls of a connection reach the same calculator, so one connection would use only
 * one calculator.
 */
const grpcConnections = 4;
const httpConnections = 64;
const addPath = `/${Calculator.typeName}/${Calculator.method.add.name}`;
const retryStatuses: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/** Makes the calls to the pipeline for our own load driver. */
export function createPipelineApi({ calculator, grpc, aggregator }: PipelineAddresses): PipelineApi {
  const agent = new Agent({ connections: httpConnections, bodyTimeout: timeoutMs, headersTimeout: timeoutMs });
  // This option gives each channel its own connection. Without it, channels with equal options share a connection.
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const clients = Array.from(
    { length: grpcConnections },
    () => new Client(grpc, credentials.createInsecure(), options),
  );
  let turn = 0;

  function addOverGrpc({ requestId, series, a, b }: LoadAddition): Promise<AddOutcome> {
    const message = toBinary(AddRequestSchema, create(AddRequestSchema, { requestId, series, a, b }));
    const client = clients[turn++ % clients.length];
    if (client === undefined) throw new Error('no connection for this turn');
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        addPath,
        (value: Uint8Array) => Buffer.from(value),
        (value: Buffer) => fromBinary(AddResponseSchema, value),
        message,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, answer) => {
          if (error === null && answer !== undefined) {
            resolve(readAcknowledgement(toJson(AddResponseSchema, answer)));
          } else {
            const reason = error === null ? 'no response' : `gRPC status ${error.code}: ${error.details}`;
            resolve({ kind: error === null || retryStatuses.has(error.code) ? 'retry' : 'refused', reason });
          }
        },
      );
    });
  }

  async function send(url: string, body?: string): Promise<HttpAnswer> {
    try {
      const answer = await request(url, {
        dispatcher: agent,
        method: body === undefined ? 'GET' : 'POST',
        ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    } catch {
      return { status: 0, body: '' };
    }
  }

  return {
    add: async (protocol, addition) =>
      protocol === 'grpc'
        ? addOverGrpc(addition)
        : readAddAnswer(await send(`${calculator}/v1/additions`, JSON.stringify(addition))),
    findAddition: async (requestId) => readAdditionAnswer(await send(`${aggregator}/v1/additions/${requestId}`)),
    readTotal: async (series, atLeast) =>
      readTotalAnswer(await send(`${aggregator}/v1/totals/${encodeURIComponent(series)}${atLeastQuery(atLeast)}`)),
    readProof: async () => readProofAnswer(await send(`${aggregator}/v1/proof`)),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await agent.destroy();
    },
  };
}
