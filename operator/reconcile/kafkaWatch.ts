import { keyOf, resourceId } from '#kube/client/object.ts';
import type { Controller } from '#kube/control/controller.ts';
import type { Manager } from '#kube/control/manager.ts';
import type { Logger } from '#platform/log.ts';
import type { Caches, KafkaCaches } from './caches.ts';
import { readerOf } from './caches.ts';
import type { KafkaReaders } from './gather.ts';
import { byKafka, kafkaKeysOf, pipelineKeysOf } from './keys.ts';
import { kafkas, kafkaTopics, type PipelineObject } from './resources.ts';

export interface KafkaWatchOptions {
  readonly manager: Pick<Manager, 'discovery'>;
  readonly caches: Caches;
  readonly logger: Logger;
}

/**
 * Watches Strimzi's kinds in the namespaces that pipelines name. The first pass that needs a namespace starts its
 * watches. Changes in the namespace enqueue the pipelines that use it.
 */
export class KafkaWatch {
  readonly #options: KafkaWatchOptions;
  readonly #known = new Map<string, { caches: KafkaCaches; isLooking: boolean }>();
  #controller: Controller<PipelineObject> | undefined;

  constructor(options: KafkaWatchOptions) {
    this.#options = options;
  }

  attach(controller: Controller<PipelineObject>): void {
    this.#controller = controller;
    const { crds, pipelines } = this.#options.caches;
    // Watch the CRDs too: if the operator has no permission in a Kafka namespace, only the CRDs show that Strimzi was
    // installed or removed.
    const users = () => pipelines.store.list().filter((pipeline) => kafkaKeysOf(pipeline).length > 0);
    const names: readonly string[] = [resourceId(kafkas), resourceId(kafkaTopics)];
    controller.watch(crds, ({ metadata }) => (names.includes(metadata.name) ? users().map(keyOf) : []));
  }

  in(namespace: string): KafkaReaders {
    const { manager } = this.#options;
    const { caches, isLooking } = this.#known.get(namespace) ?? this.#begin(namespace);
    const topics = readerOf(caches.topics, manager);
    return {
      kafkas: readerOf(caches.kafkas, manager),
      topics: isLooking ? { ...topics, availability: 'pending' } : topics,
    };
  }

  #begin(namespace: string) {
    const { caches, logger } = this.#options;
    const begun = { caches: caches.kafkaIn(namespace), isLooking: false };
    const { kafkas: first, topics: second } = begun.caches;
    this.#known.set(namespace, begun);
    const usersOf = (key: string) => caches.pipelines.store.byIndex(byKafka, key).map(keyOf);
    this.#controller?.watch(first, (kafka) => usersOf(keyOf(kafka)));
    this.#controller?.watch(second, pipelineKeysOf);
    // One Role grants both kinds, but each reflector waits up to a minute between its retries. Without this refresh
    // the status would report a missing Role for up to a minute although the Role exists.
    first.onAvailability((availability) => {
      if (availability !== 'synced' || second.availability !== 'forbidden') return;
      begun.isLooking = true;
      second
        .refresh(AbortSignal.timeout(refreshTimeoutMs))
        .catch((error: unknown) => logger.warn({ namespace, error }, 'cannot list KafkaTopics; the operator retries'))
        .finally(() => {
          begun.isLooking = false;
          this.#controller?.enqueueAll();
        });
    });
    return begun;
  }
}

/** Maximum time to wait for a list of the KafkaTopics of a namespace. After it the reflector retries by itself. */
const refreshTimeoutMs = 30_000;
