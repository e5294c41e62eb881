import type { PipelineRef } from '#contract/names.ts';
import type { Cluster } from './cluster.ts';

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
