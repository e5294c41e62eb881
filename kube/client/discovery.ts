import { z } from 'zod';
import type { StoreReader } from '#kube/cache/store.ts';
import { type Clock, sleep } from '#kube/clock.ts';
import type { KubeClient } from './client.ts';
import { isKubernetesError } from './errors.ts';
import { apiVersionOf, type KubeObject, type Resource, resourceId } from './object.ts';

/** CustomResourceDefinitions. Only their metadata is read. */
export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/**
 * Tells a reflector when to list a kind again that was not installed (docs/adr/0031). It needs no polling: the name of
 * a CRD is `plural.group`, so a watch of the metadata of CRDs shows every change of a kind.
 */
export interface Discovery {
  /** Returns the resourceVersion of the kind's CRD, `absent`, or `unknown` if CRDs cannot be watched. */
  stateOf(resource: Resource): string;
  /**
   * Resolves when `stateOf` returns another value than `seen`, or when the signal aborts. If `stateOf` returns
   * `unknown`, resolves after about a minute.
   */
  whenChanged(resource: Resource, seen: string, signal: AbortSignal): Promise<void>;
}

/** The part of a reflector that discovery reads. */
export interface CrdReflector {
  readonly availability: string;
  readonly store: Pick<StoreReader<KubeObject>, 'get'>;
  /** `onChange` and `onAvailability` return a function that removes the handler. */
  onChange(handler: () => void): () => void;
  onAvailability(handler: () => void): () => void;
}

export function createDiscovery(options: {
  /** Reflector of `customResourceDefinitions` with metadata only. The caller runs it. */
  readonly crds: CrdReflector;
  readonly clock: Clock;
  /** Returns a random number in [0, 1). It spreads the requests for several kinds over time. */
  readonly random: () => number;
}): Discovery {
  const { crds, clock, random } = options;

  function stateOf(resource: Resource): string {
    if (crds.availability !== 'synced') return 'unknown';
    return crds.store.get({ name: resourceId(resource) })?.metadata.resourceVersion ?? 'absent';
  }

  return {
    stateOf,
    async whenChanged(resource, seen, signal) {
      const done = new AbortController();
      const check = () => {
        if (stateOf(resource) !== seen) done.abort();
      };
      const stopChanges = crds.onChange(check);
      const stopAvailability = crds.onAvailability(check);
      const either = AbortSignal.any([signal, done.signal]);
      try {
        check();
        do {
          await sleep(clock, unknownRecheckMs * (0.75 + random() / 2), either);
        } while (!either.aborted && stateOf(resource) !== 'unknown');
      } finally {
        stopChanges();
        stopAvailability();
      }
    },
  };
}

/**
 * Time between two requests for a kind that is not installed, if we may not watch CRDs. One small request for each kind
 * and minute is cheap for the server.
 */
const unknownRecheckMs = 60_000;

const resourceListSchema = z.object({ resources: z.array(z.object({ name: z.string() })) });

/** Asks the server once whether it serves this kind in this version. */
export async function isServed(client: KubeClient, resource: Resource, signal?: AbortSignal): Promise<boolean> {
  const root = resource.group === '' ? '/api' : '/apis';
  try {
    const body = await client.getRaw(`${root}/${apiVersionOf(resource)}`, signal === undefined ? {} : { signal });
    return resourceListSchema.parse(body).resources.some(({ name }) => name === resource.plural);
  } catch (error) {
    if (isKubernetesError(error, 'notFound')) return false;
    throw error;
  }
}
