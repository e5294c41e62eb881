import type { DescService } from '@bufbuild/protobuf';
import type { RequestMetrics } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { Calls } from './calls.ts';
import { startGrpc } from './grpc.ts';
import { bindHandlers } from './handlers.ts';
import { startHttp } from './http.ts';
import type { HttpRoute, ServiceHandlers } from './method.ts';

export interface RpcServerOptions<Service extends DescService> {
  readonly service: Service;
  readonly handlers: ServiceHandlers<Service>;
  readonly routes: readonly HttpRoute<Service>[];
  readonly address: string;
  /** With port 0 the system picks a free port. */
  readonly httpPort: number;
  /** With port 0 the system picks a free port. */
  readonly grpcPort: number;
  readonly logger: Logger;
  readonly metrics: Metrics<RequestMetrics>;
}

export interface RpcServer {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Sets what gRPC's health service returns. Until this method is called, it returns NOT_SERVING. */
  setServing(isServing: boolean): void;
  /** Accepts no new calls, waits at most `withinMs` for calls in flight, then aborts them. Never rejects. */
  close(withinMs: number): Promise<void>;
}

/** Starts servers for the same handlers over gRPC and HTTP/JSON. Rejects if a port is in use. */
export async function startRpcServer<Service extends DescService>(
  options: RpcServerOptions<Service>,
): Promise<RpcServer> {
  const { service, handlers, routes, address, logger, metrics } = options;
  const methods = bindHandlers(service, handlers);
  const calls = new Calls({ logger, metrics });
  const common = { methods, calls, address, logger };
  const http = await startHttp({ ...common, routes, port: options.httpPort });
  try {
    const grpc = await startGrpc({ ...common, service, port: options.grpcPort });
    return {
      httpPort: http.port,
      grpcPort: grpc.port,
      setServing: (isServing) => grpc.setServing(isServing),
      async close(withinMs) {
        grpc.setServing(false);
        await Promise.all([http.close(withinMs), grpc.close(withinMs)]);
      },
    };
  } catch (error) {
    await http.close(0);
    throw error;
  }
}
