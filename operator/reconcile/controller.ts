import { keyOf } from '#kube/client/object.ts';
import { ServerVersion } from '#kube/client/serverVersion.ts';
import type { Clock } from '#kube/clock.ts';
import type { Controller } from '#kube/control/controller.ts';
import type { Manager } from '#kube/control/manager.ts';
import type { Recorder } from '#kube/control/recorder.ts';
import type { OperatorMetrics } from '#operator/metrics.ts';
import { metricsApiServices } from '#operator/observe/metricsApis.ts';
import type { Logger } from '#platform/log.ts';
import { createCaches } from './caches.ts';
import { createCensus } from './census.ts';
import { KafkaWatch } from './kafkaWatch.ts';
import { byLog, logKeysOf, pipelineKeysOf } from './keys.ts';
import { createReconcile } from './reconcile.ts';
import type { PipelineObject } from './resources.ts';

export interface PipelineControllerOptions {
  /** Namespaces whose SumPipelines the operator manages. Undefined means all namespaces. */
  readonly namespaces: readonly string[] | undefined;
  /** Image of pipelines without `spec.image`. */
  readonly operatorImage: string;
  /** Pipelines reconciled at the same time: per watched namespace, or in total if all namespaces are watched. */
  readonly concurrency: number;
  readonly recorder: Recorder;
  readonly metrics: OperatorMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Adds the controllers, and the watches that enqueue a pipeline when an object changes on which the pipeline depends.
 * Each watched namespace has its own controller, because a watch covers either one namespace or all namespaces.
 */
export function addPipelineControllers(
  manager: Manager,
  options: PipelineControllerOptions,
): Controller<PipelineObject>[] {
  const { operatorImage, concurrency, recorder, metrics, clock, logger } = options;
  const census = createCensus(metrics);
  const serverVersion = new ServerVersion(manager.client, () => clock.monotonicMs());
  const now = () => new Date(clock.wallMs());

  const watched = [...new Set(options.namespaces ?? [undefined])].map((namespace) => ({
    namespace,
    caches: createCaches(manager, { namespace }),
  }));
  const pipelinesOfLog = (logKey: string) =>
    watched.flatMap(({ caches }) => caches.pipelines.store.byIndex(byLog, logKey));

  return watched.map(({ namespace, caches }) => {
    /**
     * Returns the keys of all pipelines that use the same log. A change of one of these pipelines may decide which of
     * them may run.
     */
    const ofSameLog = (object: PipelineObject) =>
      logKeysOf(object).flatMap((logKey) => caches.pipelines.store.byIndex(byLog, logKey).map(keyOf));
    const kafkaWatch = new KafkaWatch({ manager, caches, logger });
    const watchKafka = (kafkaNamespace: string) => kafkaWatch.in(kafkaNamespace);
    const controller = manager.addController({
      name: namespace === undefined ? 'pipelines' : `pipelines-${namespace}`,
      primary: caches.pipelines,
      concurrency,
      dependentKeysOf: ofSameLog,
      reconcile: createReconcile({
        caches,
        watchKafka,
        pipelinesOfLog,
        serverVersion,
        operatorImage,
        recorder,
        census,
        metrics,
        now,
      }),
    });
    for (const other of watched) if (other.caches !== caches) controller.watch(other.caches.pipelines, ofSameLog);
    for (const children of caches.children) controller.watch(children, pipelineKeysOf);
    controller.watch(caches.pods, pipelineKeysOf);
    // An APIService of a metrics API concerns all pipelines: it shows whether HPAs get metrics.
    const metricsApis: readonly string[] = Object.values(metricsApiServices);
    controller.watch(caches.apiServices, ({ metadata }) =>
      metricsApis.includes(metadata.name) ? caches.pipelines.store.list().map(keyOf) : [],
    );
    // A Prometheus concerns all pipelines: it may select their monitors. It rarely changes.
    controller.watch(caches.prometheuses, () => caches.pipelines.store.list().map(keyOf));
    kafkaWatch.attach(controller);
    return controller;
  });
}
