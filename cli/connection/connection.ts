import type { PipelineRef } from '#contract/names.ts';
import type { Cluster } from './cluster.ts';

/** One service of one pipeline, ready for calls. Nothing was sent to the service yet. */
export interface Connection<Service> extends AsyncDisposable {
  /** The name that messages show: `default/sample`, or the URL. */
  readonly name: string;
  /** Undefined without Kubernetes. */
  readonly kubernetes: KubernetesPipeline | undefined;
  readonly service: Service;
}

/** Facts about a pipeline that only Kubernetes has. */
export interface KubernetesPipeline {
  readonly ref: PipelineRef;
  /** The SumPipeline as it was when the connection was opened. */
  readonly resource: unknown;
  /** Calls the API server as the same user. */
  readonly request: Cluster['request'];
}

/**
 * Additions that an import has in flight at once. The calculator writes waiting additions together, so more in flight
 * is faster, until the calculator has no idle time. Its queue holds 10,000 (measured, see ADR 0060).
 */
export const concurrencyDefault = 1000;
/** Connections of an import. Each carries half of the additions, to another calculator if there are several. */
export const grpcConnections = 2;
