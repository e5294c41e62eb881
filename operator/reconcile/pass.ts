import type { Live } from '#kube/client/object.ts';
import type { ServerVersion } from '#kube/client/serverVersion.ts';
import type { ReconcileRun } from '#kube/control/controller.ts';
import type { Recorder } from '#kube/control/recorder.ts';
import { annotations, topicFinalizer } from '#operator/api/annotations.ts';
import { statusSchema } from '#operator/api/status.ts';
import type { Status } from '#operator/api/types.ts';
import type { OperatorMetrics } from '#operator/metrics.ts';
import { parseInventory } from '#operator/plan/inventory.ts';
import type { SettledChild } from '#operator/plan/settled.ts';
import type { EventDraft } from '#operator/status/transitions.ts';
import type { Caches } from './caches.ts';
import type { Census } from './census.ts';
import type { ExecuteContext } from './execute.ts';
import type { KafkaReaders } from './gather.ts';
import type { PipelinesOfLog } from './logUsers.ts';
import type { Owner } from './ownership.ts';
import type { PipelineObject } from './resources.ts';

export interface ReconcileDependencies {
  readonly caches: Caches;
  /**
   * Returns readers of the Strimzi kinds of a namespace. After the first call for a namespace, changes of these kinds
   * enqueue the pipelines that use them.
   */
  readonly watchKafka: (namespace: string) => KafkaReaders;
  readonly pipelinesOfLog: PipelinesOfLog;
  readonly serverVersion: Pick<ServerVersion, 'minor'>;
  /** Image of pipelines without `spec.image`. */
  readonly operatorImage: string;
  readonly recorder: Recorder;
  readonly census: Census;
  readonly metrics: OperatorMetrics;
  readonly now: () => Date;
}

/** Data that the steps of one pass over one SumPipeline share. */
export interface Pass {
  readonly key: string;
  readonly object: Live<PipelineObject>;
  /**
   * The present status. Undefined if there is no status, or if another version of the operator wrote a status that we
   * cannot read.
   */
  readonly previous: Status | undefined;
  readonly owner: Owner;
  readonly hasFinalizer: boolean;
  /** Differences that an apply did not remove, by uid of the child. They are kept from pass to pass. */
  readonly settled: Map<string, SettledChild>;
  readonly run: ReconcileRun;
  readonly dependencies: ReconcileDependencies;
  readonly record: (events: readonly EventDraft[]) => void;
}

export function beginPass(given: Pick<Pass, 'dependencies' | 'run' | 'key' | 'object' | 'settled'>): Pass {
  const { object, dependencies } = given;
  const { namespace = '', name, uid, finalizers = [] } = object.metadata;
  const status = statusSchema.safeParse(object.status);
  return {
    ...given,
    previous: status.success ? status.data : undefined,
    owner: {
      ref: { namespace, name },
      uid,
      inventory: parseInventory(object.metadata.annotations?.[annotations.inventory]),
    },
    hasFinalizer: finalizers.includes(topicFinalizer),
    record(events) {
      for (const event of events) dependencies.recorder.record({ regarding: object, ...event });
    },
  };
}

export function toExecuteContext({ run, owner, settled, dependencies }: Pass): ExecuteContext {
  const { sumpipeline_operator_actions_total: actions } = dependencies.metrics;
  return { client: run.client, logger: run.logger, owner, settled, onWrite: (action) => actions.inc({ action }) };
}

/** Returns the time of this pass as metav1.Time, in whole seconds. */
export function timeOf(pass: Pass): string {
  return `${pass.dependencies.now().toISOString().slice(0, 19)}Z`;
}
