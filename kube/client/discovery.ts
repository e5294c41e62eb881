import { z } from 'zod';
import type { StoreReader } from '#kube/cache/store.ts';
import { type Clock, sleep } from '#kube/clock.ts';
import type { KubeClient } from './client.ts';
import { isKubernetesError } from './errors.ts';
import { apiVersionOf, type KubeObject, type Resource, resourceId } from './object.ts';

/** CustomResourceDefinitions; only their metadata is ever read. */
export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/**
 * Tells reflectors of optional kinds when to try again (docs/adr/0031). A CRD is named `plural.group`, so a
 * metadata-only watch of CRDs says without any polling when a kind appears, is established, changes or goes.
 */
export interface Discovery {
  /** What is known of the kind's CRD now: its version, `absent`, or `unknown` when CRDs cannot be watched. */
  stateOf(resource: Resource): string;
  /** Resolves once `stateOf` differs from `seen`, or after about a minute where it is `unknown`, or on abort. */
  whenChanged(resource: Resource, seen: string, signal: AbortSignal): Promise<void>;
}

/** The part of a reflector that discovery reads. */
export interface CrdReflector {
  readonly availability: string;
  readonly store: Pick<StoreReader<KubeObject>, 'get'>;
  /** Both answer how to end the calls. */
  onChange(handler: () => void): () => void;
  onAvailability(handler: () => void): () => void;
}

export function createDiscovery(options: {
  /** Of `customResourceDefinitions`, metadata only, run by the caller. */
  readonly crds: CrdReflector;
  readonly clock: Clock;
  /** In [0, 1). */
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

/** Only without the right to watch CRDs: one small request per absent kind and minute. */
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
