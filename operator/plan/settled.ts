import type { LiveObject } from '#operator/observe/objects.ts';

/**
 * Differences that stayed after an apply: an admission webhook rewrites the field, or the server spells the value in
 * a way that we do not know. Applying again would write in every pass and change nothing, so each difference is
 * remembered, by uid, until the live or the desired object changes.
 */
export type SettledChildren = ReadonlyMap<string, SettledChild>;

export interface SettledChild {
  /** What we applied, as JSON. */
  readonly desired: string;
  /** The difference that stayed. */
  readonly why: string;
  /** Which version of the object it was seen on. */
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

/** The generation stays when only the status changes; kinds without a spec have none. */
function versionOf(live: LiveObject): string {
  const { generation, resourceVersion } = live.metadata;
  return generation === undefined ? `version ${resourceVersion}` : `generation ${generation}`;
}
