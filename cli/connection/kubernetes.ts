import { createGrpcCalculator } from '#cli/api/calculator.ts';
import { createGrpcChannel } from '#cli/api/grpc.ts';
import { createHttpService } from '#cli/api/http.ts';
import { type Component, formatRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import { loadCluster } from './cluster.ts';
import { type Connection, grpcConnections } from './connection.ts';
import type { ConnectionOptions } from './options.ts';
import { findPipeline } from './pipelines.ts';
import { createPodDialler } from './pods.ts';

/** Finds the pipeline in the cluster. Its services are reached through the API server, pod by pod, as port-forward does. */
export async function openKubernetes(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const cluster = loadCluster(options);
  const { ref, resource } = await findPipeline(cluster, {
    namespace: options.namespace,
    name: options.pipeline,
    signal,
  });
  const closers: (() => void | Promise<void>)[] = [];
  const nameOf = (component: Component) => `the ${component} of ${formatRef(ref)}`;
  const dialler = (component: Component, port: number) => createPodDialler({ cluster, ref, component, port, signal });
  return {
    name: formatRef(ref),
    kubernetes: { ref, resource },
    calculator() {
      const channel = createGrpcChannel({
        name: nameOf('calculator'),
        connect: dialler('calculator', ports.grpc),
        connections: grpcConnections,
      });
      closers.push(() => channel.close());
      return createGrpcCalculator(channel);
    },
    aggregator() {
      const service = createHttpService({
        name: nameOf('aggregator'),
        baseUrl: `http://${ref.name}-aggregator.${ref.namespace}.svc:${ports.http}`,
        connect: dialler('aggregator', ports.http),
        connections: 1,
      });
      closers.push(() => service.close());
      return service;
    },
    async [Symbol.asyncDispose]() {
      for (const close of closers) await close();
    },
  };
}
