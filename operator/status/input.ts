import type { CountedLog } from '#contract/countedLog.ts';
import type { Component } from '#contract/names.ts';
import type { Status } from '#operator/api/types.ts';
import type { AutoscalingInput } from '#operator/observe/autoscaling.ts';
import type { WorkloadHealth } from '#operator/observe/deployment.ts';
import type { ChildHealth } from '#operator/observe/health.ts';
import type { ObservedVerdict } from '#operator/observe/verdict.ts';
import type { Issue } from './issue.ts';

/** All input for the status of one pass. */
export interface StatusInput {
  readonly previous: Status | undefined;
  readonly generation: number | undefined;
  /** Time of the pass, as in RFC 3339. */
  readonly now: string;
  readonly issues: readonly Issue[];
  readonly kafka: {
    /** Why the connection to Kafka is not known. Undefined if it is known. */
    readonly problem:
      | { readonly reason: string; readonly message: string; readonly needsSpecChange: boolean }
      | undefined;
    /** Health of the KafkaTopic, or of the topic that the aggregators grow. Undefined if there is nothing to report. */
    readonly topic: ChildHealth | undefined;
  };
  readonly workloads: Readonly<Record<Component, WorkloadHealth>>;
  readonly verdict: ObservedVerdict;
  readonly autoscaling: AutoscalingInput;
  readonly monitoring: Monitoring;
  /** Security fields that other managers added to our pods. */
  readonly drift: readonly string[];
  /** Values that are copied to the status. */
  readonly shown: {
    readonly image: string | undefined;
    readonly bootstrap: string | undefined;
    readonly topic: string;
    readonly log: CountedLog | undefined;
    /** `namespace/name` of the SumPipeline that counts the same topic. Undefined if this pipeline may run. */
    readonly logInUseBy: string | undefined;
    readonly endpoints: Readonly<Record<Component, { readonly http: string; readonly grpc: string }>>;
  };
}

export type Monitoring =
  | { readonly state: 'disabled' | 'ready' | 'pending' | 'crdNotInstalled' | 'forbidden' }
  /** The monitors exist, but no Prometheus selects them. The message says why, and what to do. */
  | { readonly state: 'notSelected'; readonly message: string };
