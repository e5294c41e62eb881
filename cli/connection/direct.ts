import { type Calculator, createGrpcCalculator, createHttpCalculator } from '#cli/api/calculator.ts';
import { createGrpcChannel } from '#cli/api/grpc.ts';
import { createHttpService, type HttpService } from '#cli/api/http.ts';
import { type Connection, grpcConnections } from './connection.ts';
import { dialTcp } from './tcp.ts';

/**
 * This file connects to services at known addresses, without Kubernetes. The URLs were checked when the options were
 * read.
 */

/**
 * Number of HTTP connections. Each carries one request at a time, because many proxies cannot handle HTTP pipelining.
 */
const httpConnections = 128;

export function openCalculatorAt(url: string): Connection<Calculator> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'grpc:') {
    const { service, ...connection } = openAggregatorAt(url);
    return { ...connection, service: createHttpCalculator(service) };
  }
  // In a URL an IPv6 address has brackets. `connect` needs the address without them.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const connect = () => dialTcp(host, Number(port));
  const channel = createGrpcChannel({ name: url, connect, connections: grpcConnections });
  return {
    name: url,
    kubernetes: undefined,
    service: createGrpcCalculator(channel),
    [Symbol.asyncDispose]: async () => channel.close(),
  };
}

export function openAggregatorAt(url: string): Connection<HttpService> {
  const service = createHttpService({ name: url, baseUrl: url, connections: httpConnections });
  return { name: url, kubernetes: undefined, service, [Symbol.asyncDispose]: () => service.close() };
}
