import { type Calculator, createGrpcCalculator } from '#cli/api/calculator.ts';
import { createGrpcChannel } from '#cli/api/grpc.ts';
import { createHttpService, type HttpService } from '#cli/api/http.ts';
import { type Component, formatRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import { loadCluster } from './cluster.ts';
import { type Connection, grpcConnections } from './connection.ts';
import { type ConnectionOptions, urlFlags } from './options.ts';
import { findPipeline } from './pipelines.ts';
import { createPodDialler } from './pods.ts';

/**
 * This file finds pipelines in the cluster. It reaches their pods through the API server, as kubectl port-forward
 * does.
 */

export async function openCalculatorOf(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<Calculator>> {
  const { pipeline, name, connect } = await find(options, { component: 'calculator', port: ports.grpc, signal });
  const channel = createGrpcChannel({ name, connect, connections: grpcConnections });
  return {
    ...pipeline,
    service: createGrpcCalculator(channel),
    [Symbol.asyncDispose]: async () => channel.close(),
  };
}

export async function openAggregatorOf(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<HttpService>> {
  const { pipeline, name, connect } = await find(options, { component: 'aggregator', port: ports.http, signal });
  const { ref } = pipeline.kubernetes;
  const baseUrl = `http://${ref.name}-aggregator.${ref.namespace}.svc:${ports.http}`;
  const service = createHttpService({ name, baseUrl, connect, connections: 1 });
  return { ...pipeline, service, [Symbol.asyncDispose]: () => service.close() };
}

async function find(
  options: ConnectionOptions,
  { component, port, signal }: { component: Component; port: number; signal: AbortSignal },
) {
  const cluster = loadCluster({ ...options, instead: urlFlags[component] });
  const found = await findPipeline(cluster, { namespace: options.namespace, name: options.pipeline, signal });
  const { ref, resource } = found;
  return {
    pipeline: { name: formatRef(ref), kubernetes: { ref, resource, request: cluster.request } },
    name: `the ${component} of ${formatRef(ref)}`,
    connect: createPodDialler({ cluster, ref, component, port, signal }),
  };
}
