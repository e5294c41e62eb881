import type { LiveObject } from '#operator/observe/objects.ts';

/**
 * Differences that stayed after an apply, by uid of the object. An admission webhook rewrites the field, or the
 * server writes the value in a form that we do not know. Another apply would change nothing, so the difference is
 * accepted until the live or the desired object changes.
 */
export type SettledChildren = ReadonlyMap<string, SettledChild>;

export interface SettledChild {
  /** The object that we applied, as JSON. */
  readonly desired: string;
  /** The difference that stayed, as `findDifference` returns it. */
  readonly why: string;
  /** Version of the live object that had the difference. */
  readonly version: string;
}

export function toSettled(desired: object, live: LiveObject, why: string): SettledChild {
  return { desired: JSON.stringify(desired), why, version: versionOf(live) };
}

export function isSettled(settled: SettledChildren, desired: object, live: LiveObject, why: string): boolean {
  const known = settled.get(live.metadata.uid);
  if (known === undefined || known.why !== why || known.version !== versionOf(live)) return false;
  return known.desired === JSON.stringify(desired);
}

/**
 * Returns the generation, because a change of the status does not raise it. A kind without a spec has no generation:
 * for it, returns the resourceVersion.
 */
function versionOf(live: LiveObject): string {
  const { generation, resourceVersion } = live.metadata;
  return generation === undefined ? `version ${resourceVersion}` : `generation ${generation}`;
}
