import { create } from '@bufbuild/protobuf';
import {
  type AddRequest,
  type AddResponse,
  AddResponseSchema,
  Calculator,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { type CalculatorMetrics, calculatorMetrics } from '#contract/metrics.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics, type Exposition, type Metrics } from '#platform/metrics.ts';
import type { CallContext } from '#services/rpc/method.ts';
import { type RpcServer, startRpcServer } from '#services/rpc/server.ts';

/** The gRPC and HTTP edge, with a service that the test defines. */
export interface Edge {
  readonly server: RpcServer;
  readonly metrics: Metrics<CalculatorMetrics>;
  readonly exposition: Exposition;
  handle: (request: AddRequest, call: CallContext) => Promise<AddResponse>;
}

/** Starts the edge on free ports of loopback. The service acknowledges every addition unless the test replaces it. */
export async function startEdge(): Promise<Edge> {
  const { metrics, exposition } = createMetrics(calculatorMetrics, { processMetrics: false });
  const server = await startRpcServer({
    service: Calculator,
    handlers: { add: (request, call) => edge.handle(request, call) },
    routes: [{ method: 'add', verb: 'POST', path: '/v1/additions', request: { kind: 'body', decimals: ['a', 'b'] } }],
    address: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    logger: silentLogger,
    metrics,
  });
  const edge: Edge = { server, metrics, exposition, handle: echo };
  return edge;
}

export const echo = async ({ requestId, series, a, b }: AddRequest): Promise<AddResponse> => {
  const position = { partition: 0, offset: 12n, logEpoch: 1 };
  return create(AddResponseSchema, { requestId, series, result: `${a}|${b}`, position });
};
