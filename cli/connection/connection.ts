import type { PipelineRef } from '#contract/names.ts';
import type { Cluster } from './cluster.ts';

/** One service of one pipeline, ready for calls. Nothing was sent to the service yet. */
export interface Connection<Service> extends AsyncDisposable {
  /** The name that messages show: `default/sample`, or the URL. */
  readonly name: string;
  /** Facts from Kubernetes. Undefined if the service was given by its URL. */
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
 * Default number of additions that an import sends at the same time. The calculator writes waiting additions
 * together, so a higher number is faster until the calculator is always busy. Its queue holds 10,000 additions
 * (measured, see ADR 0060).
 */
export const concurrencyDefault = 1000;
/**
 * Number of gRPC connections of an import. Each carries half of the additions. If there are several calculators, the
 * connections go to different calculators.
 */
export const grpcConnections = 2;
