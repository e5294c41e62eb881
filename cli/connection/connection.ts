import { createHttpService, type HttpService } from '#cli/api/http.ts';
import { usageError } from '#cli/exit.ts';
import type { Component, PipelineRef } from '#contract/names.ts';
import type { ConnectionOptions } from './options.ts';

/** One pipeline, reached. */
export interface Connection extends AsyncDisposable {
  /** `default/sample`, or the URL. */
  readonly name: string;
  /** Undefined without Kubernetes. */
  readonly kubernetes: KubernetesPipeline | undefined;
  service(component: Component): HttpService;
}

/** What only Kubernetes knows of a pipeline. */
export interface KubernetesPipeline {
  readonly ref: PipelineRef;
  /** The resource as it was when we looked. */
  readonly resource: unknown;
}

/** Requests in flight of an import; see docs/adr/0060 for what was measured. */
export const concurrencyDefault = 128;

/** Finds the pipeline and gets ready to talk to it; nothing is sent yet. */
export async function openConnection(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  if (options.calculatorUrl ?? options.aggregatorUrl) return openDirect(options);
  // The Kubernetes client takes half a second to load: only when it is needed.
  const { openKubernetes } = await import('./kubernetes.ts');
  return await openKubernetes(options, signal);
}

function openDirect(options: ConnectionOptions): Connection {
  const urls = { calculator: options.calculatorUrl, aggregator: options.aggregatorUrl };
  const services = new Map<Component, HttpService>();
  return {
    name: urls.calculator ?? urls.aggregator ?? '',
    kubernetes: undefined,
    service(component) {
      const url = urls[component];
      if (url === undefined) throw usageError(`this needs --${component}-url as well`);
      const service =
        services.get(component) ??
        // Proxies of others may stand in between, and many of them break HTTP pipelining: one request per connection.
        createHttpService({ name: url, baseUrl: url, connections: concurrencyDefault, pipelining: 1 });
      services.set(component, service);
      return service;
    },
    async [Symbol.asyncDispose]() {
      for (const service of services.values()) await service.close();
    },
  };
}
