import type { Calculator } from '#cli/api/calculator.ts';
import type { HttpService } from '#cli/api/http.ts';
import type { PipelineRef } from '#contract/names.ts';
import type { Cluster } from './cluster.ts';
import type { ConnectionOptions } from './options.ts';

/** One service of one pipeline, ready to be talked to. Nothing was sent to it yet. */
export interface Connection<Service> extends AsyncDisposable {
  /** `default/sample`, or the URL. */
  readonly name: string;
  /** Undefined without Kubernetes. */
  readonly kubernetes: KubernetesPipeline | undefined;
  readonly service: Service;
}

/** What only Kubernetes knows of a pipeline. */
export interface KubernetesPipeline {
  readonly ref: PipelineRef;
  /** The resource as it was when we looked. */
  readonly resource: unknown;
  /** Asks the API server as the same user. */
  readonly request: Cluster['request'];
}

/**
 * Additions in flight of an import. The calculator gathers what waits into one write, so more in flight is faster as
 * long as the answers take longer than the work; its queue holds 10,000 (measured, see ADR 0060).
 */
export const concurrencyDefault = 1000;
/** Half of them on each, with another calculator behind each where there are several. */
export const grpcConnections = 2;

/** Finds the pipeline, or takes the URL of a calculator that was named instead. */
export async function openCalculator(options: ConnectionOptions, signal: AbortSignal): Promise<Connection<Calculator>> {
  // Clients take up to half a second to load: only those that are needed, and none for --help.
  if (options.url !== undefined) return (await import('./direct.ts')).openCalculatorAt(options.url);
  return await (await import('./kubernetes.ts')).openCalculatorOf(options, signal);
}

/** The same for reads. */
export async function openAggregator(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<HttpService>> {
  if (options.url !== undefined) return (await import('./direct.ts')).openAggregatorAt(options.url);
  return await (await import('./kubernetes.ts')).openAggregatorOf(options, signal);
}
