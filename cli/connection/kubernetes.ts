import { createHttpService, type HttpService } from '#cli/api/http.ts';
import type { Component } from '#contract/names.ts';
import { formatRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import { loadCluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import type { ConnectionOptions } from './options.ts';
import { findPipeline } from './pipelines.ts';
import { createPodDialler } from './pods.ts';

/** Each connection is a WebSocket through API server and kubelet; a few with many requests each beat many with one. */
const connections = 4;
const pipelining = 32;

/** Finds the pipeline in the cluster. Its services are reached through the API server, pod by pod, as port-forward does. */
export async function openKubernetes(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const cluster = loadCluster(options);
  const { ref, resource } = await findPipeline(cluster, {
    namespace: options.namespace,
    name: options.pipeline,
    signal,
  });
  const services = new Map<Component, HttpService>();
  return {
    name: formatRef(ref),
    kubernetes: { ref, resource },
    service(component) {
      const found = services.get(component);
      if (found !== undefined) return found;
      const service = createHttpService({
        name: `the ${component} of ${formatRef(ref)}`,
        baseUrl: `http://${ref.name}-${component}.${ref.namespace}.svc:${ports.http}`,
        connect: createPodDialler({ cluster, ref, component, port: ports.http, signal }),
        connections,
        pipelining,
      });
      services.set(component, service);
      return service;
    },
    async [Symbol.asyncDispose]() {
      for (const service of services.values()) await service.close();
      cluster.close();
    },
  };
}
