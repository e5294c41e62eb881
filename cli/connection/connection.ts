import type { Calculator } from '#cli/api/calculator.ts';
import type { HttpService } from '#cli/api/http.ts';
import type { PipelineRef } from '#contract/names.ts';
import type { ConnectionOptions } from './options.ts';

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
  // Clients take up to half a second to load: only those that are needed, and none for --help.
  if (options.calculatorUrl ?? options.aggregatorUrl) {
    const { openDirect } = await import('./direct.ts');
    return openDirect(options);
  }
  const { openKubernetes } = await import('./kubernetes.ts');
  return await openKubernetes(options, signal);
}
