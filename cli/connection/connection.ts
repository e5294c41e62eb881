import { type Calculator, createGrpcCalculator, createHttpCalculator } from '#cli/api/calculator.ts';
import { createGrpcChannel } from '#cli/api/grpc.ts';
import { createHttpService, type HttpService } from '#cli/api/http.ts';
import { usageError } from '#cli/exit.ts';
import type { PipelineRef } from '#contract/names.ts';
import type { ConnectionOptions } from './options.ts';
import { dialTcp } from './tcp.ts';

/** One pipeline, reached. Its services are opened when they are first asked for. */
export interface Connection extends AsyncDisposable {
  /** `default/sample`, or the URL. */
  readonly name: string;
  /** Undefined without Kubernetes. */
  readonly kubernetes: KubernetesPipeline | undefined;
  calculator(): Calculator;
  aggregator(): HttpService;
}

/** What only Kubernetes knows of a pipeline. */
export interface KubernetesPipeline {
  readonly ref: PipelineRef;
  /** The resource as it was when we looked. */
  readonly resource: unknown;
}

/**
 * Additions in flight of an import. The calculator gathers what waits into one write, so more in flight is faster as
 * long as the answers take longer than the work; its queue holds 10,000 (measured, see ADR 0060).
 */
export const concurrencyDefault = 1000;
/** Half of them on each, with another calculator behind each where there are several. */
export const grpcConnections = 2;

/** Finds the pipeline and gets ready to talk to it; nothing is sent yet. */
export async function openConnection(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  if (options.calculatorUrl ?? options.aggregatorUrl) return openDirect(options);
  // The Kubernetes client takes half a second to load: only when it is needed.
  const { openKubernetes } = await import('./kubernetes.ts');
  return await openKubernetes(options, signal);
}

/** Proxies of others may stand in between, and many of them break HTTP pipelining: one request per connection. */
const httpConnections = 128;

function openDirect({ calculatorUrl, aggregatorUrl }: ConnectionOptions): Connection {
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
