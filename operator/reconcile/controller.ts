import type { OperatorMetric } from '#operator/metrics.ts';
import type { Clock } from '#operator/runtime/clock.ts';
import type { Controller } from '#operator/runtime/controller.ts';
import type { Manager } from '#operator/runtime/manager.ts';
import { keyOf, resourceId } from '#operator/runtime/object.ts';
import type { Recorder } from '#operator/runtime/recorder.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { createCaches, type KafkaCaches, readerOf } from './caches.ts';
import { createCensus } from './census.ts';
import type { KafkaReaders } from './gather.ts';
import { byKafka, kafkaKeysOf, pipelineKeysOf } from './keys.ts';
import { createReconcile } from './reconcile.ts';
import { kafkas, kafkaTopics, type PipelineObject } from './resources.ts';

export interface PipelineControllerOptions {
  /** Looks after the SumPipelines of this namespace alone; undefined: of all. */
  readonly namespace: string | undefined;
  /** Image of pipelines that name none. */
  readonly operatorImage: string;
  /** Pipelines worked on at the same time. */
  readonly concurrency: number;
  readonly recorder: Recorder;
  readonly metrics: Pick<Metrics<OperatorMetric>, 'increment' | 'set'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A whole list of topics takes less; without an answer the reflector goes on trying by itself. */
const refreshTimeoutMs = 30_000;

/** Wires the reconcile story to watches: which change of which object brings which pipeline back to work. */
export function addPipelineController(
  manager: Manager,
  options: PipelineControllerOptions,
): Controller<PipelineObject> {
  const { namespace, operatorImage, concurrency, recorder, metrics, clock, logger } = options;
  const caches = createCaches(manager, { namespace });
  const together = new Set<string>();

  /** Namespaces with a Strimzi Kafka are learned from the pipelines; the first pass over one begins to watch it. */
  function watchKafka(kafkaNamespace: string): KafkaReaders {
    const watched = caches.kafkaIn(kafkaNamespace);
    controller.watch(watched.kafkas, (object) => caches.pipelines.store.byIndex(byKafka, keyOf(object)).map(keyOf));
    controller.watch(watched.topics, pipelineKeysOf);
    lookTogether(kafkaNamespace, watched);
    return { kafkas: readerOf(watched.kafkas, manager), topics: readerOf(watched.topics, manager) };
  }

  /**
   * One Role grants both kinds, but each reflector tries again in its own time, up to a minute. Without this a pipeline
   * would be told for that long to ask for a Role that is there.
   */
  function lookTogether(kafkaNamespace: string, { kafkas: first, topics: second }: KafkaCaches): void {
    if (together.has(kafkaNamespace)) return;
    together.add(kafkaNamespace);
    first.onAvailability((availability) => {
      if (availability !== 'synced' || second.availability !== 'forbidden') return;
      second.refresh(AbortSignal.timeout(refreshTimeoutMs)).catch((error: unknown) => {
        logger.warn({ namespace: kafkaNamespace, error }, 'KafkaTopics could not be listed yet');
      });
    });
  }

  const controller = manager.addController({
    name: namespace === undefined ? 'pipelines' : `pipelines-${namespace}`,
    primary: caches.pipelines,
    concurrency,
    reconcile: createReconcile({
      caches,
      watchKafka,
      operatorImage,
      recorder,
      census: createCensus(metrics),
      metrics,
      now: () => new Date(clock.wallMs()),
    }),
  });
  for (const children of caches.children) controller.watch(children, pipelineKeysOf);
  controller.watch(caches.pods, pipelineKeysOf);
  // Where we may not look, only the CRD tells that Strimzi came or went.
  controller.watch(caches.crds, ({ metadata }) =>
    metadata.name === resourceId(kafkas) || metadata.name === resourceId(kafkaTopics)
      ? caches.pipelines.store
          .list()
          .filter((pipeline) => kafkaKeysOf(pipeline).length > 0)
          .map(keyOf)
      : [],
  );
  return controller;
}
