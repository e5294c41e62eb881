import { createGrpcCalculator, createHttpCalculator } from '#cli/api/calculator.ts';
import { createGrpcChannel } from '#cli/api/grpc.ts';
import { createHttpService } from '#cli/api/http.ts';
import { usageError } from '#cli/exit.ts';
import { type Connection, grpcConnections } from './connection.ts';
import type { ConnectionOptions } from './options.ts';
import { dialTcp } from './tcp.ts';

/** Proxies of others may stand in between, and many of them break HTTP pipelining: one request per connection. */
const httpConnections = 128;

/** Services at known addresses, without Kubernetes. */
export function openDirect({ calculatorUrl, aggregatorUrl }: ConnectionOptions): Connection {
  const closers: (() => void | Promise<void>)[] = [];
  const http = (url: string) => {
    const service = createHttpService({ name: url, baseUrl: url, connections: httpConnections });
    closers.push(() => service.close());
    return service;
  };
  return {
    name: calculatorUrl ?? aggregatorUrl ?? '',
    kubernetes: undefined,
    calculator() {
      if (calculatorUrl === undefined) throw usageError('this needs --calculator-url as well');
      const { protocol, hostname, port } = new URL(calculatorUrl);
      if (protocol !== 'grpc:') return createHttpCalculator(http(calculatorUrl));
      const dial = () => dialTcp(hostname, Number(port));
      const channel = createGrpcChannel({ name: calculatorUrl, connect: dial, connections: grpcConnections });
      closers.push(() => channel.close());
      return createGrpcCalculator(channel);
    },
    aggregator() {
      if (aggregatorUrl === undefined) throw usageError('this needs --aggregator-url as well');
      return http(aggregatorUrl);
    },
    async [Symbol.asyncDispose]() {
      for (const close of closers) await close();
    },
  };
}
