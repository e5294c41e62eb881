import type { OperatorMetric } from '#operator/metrics.ts';
import type { Clock } from '#operator/runtime/clock.ts';
import type { Controller } from '#operator/runtime/controller.ts';
import type { Manager } from '#operator/runtime/manager.ts';
import { keyOf } from '#operator/runtime/object.ts';
import type { Recorder } from '#operator/runtime/recorder.ts';
import type { Metrics } from '#platform/metrics.ts';
import { createCaches, type KafkaCaches } from './caches.ts';
import { createCensus } from './census.ts';
import { byKafka, pipelineKeysOf } from './keys.ts';
import { createReconcile } from './reconcile.ts';
import type { PipelineObject } from './resources.ts';

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
}

/** Wires the reconcile story to watches: which change of which object brings which pipeline back to work. */
export function addPipelineController(
  manager: Manager,
  options: PipelineControllerOptions,
): Controller<PipelineObject> {
  const { namespace, operatorImage, concurrency, recorder, metrics, clock } = options;
  const caches = createCaches(manager, { namespace });

  /** Namespaces with a Strimzi Kafka are learned from the pipelines; the first pass over one begins to watch it. */
  function watchKafka(kafkaNamespace: string): KafkaCaches {
    const kafka = caches.kafkaIn(kafkaNamespace);
    controller.watch(kafka.kafkas, (object) => caches.pipelines.store.byIndex(byKafka, keyOf(object)).map(keyOf));
    controller.watch(kafka.topics, pipelineKeysOf);
    return kafka;
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
  return controller;
}
