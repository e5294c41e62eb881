import { fieldManagers } from '#contract/labels.ts';
import type { LiveChild, ManagedFields } from '#operator/observe/objects.ts';

/**
 * Returns the object that the API server stores after an apply by one field manager, with uid, versions and
 * `managedFields`. This is a model for fast tests of pure code. reconcile.integration.test.ts compares it with a real
 * API server.
 */
export function applyModel(desired: object, before?: LiveChild): LiveChild {
  const object = structuredClone(desired) as LiveChild;
  versions += 1;
  const kept = before?.spec?.replicas;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      uid: before?.metadata.uid ?? `uid-${versions}`,
      resourceVersion: String(versions),
      generation: (before?.metadata.generation ?? 0) + 1,
      managedFields: [managed(desired)],
    },
    // We never apply `spec.replicas`, so its value stays.
    ...(object.kind === 'Deployment' ? { spec: { ...object.spec, replicas: kept ?? 1 } } : {}),
  };
}

let versions = 0;

function managed(desired: object): ManagedFields {
  const { apiVersion: _version, kind: _kind, metadata, ...body } = desired as Record<string, unknown>;
  const { name: _name, namespace: _namespace, ...rest } = metadata as Record<string, unknown>;
  const fieldsV1 = treeOf({ ...body, metadata: rest }, '');
  return { manager: fieldManagers.operator, operation: 'Apply', fieldsV1 };
}

/** Keys of the lists that are merged item by item. Every other list is owned as a whole. */
const listKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  ownerReferences: ['uid'],
};
const atomicMaps = new Set(['selector', 'labelSelector', 'roleRef', 'podSelector']);

function treeOf(value: unknown, field: string): Record<string, unknown> {
  if (Array.isArray(value)) return Object.fromEntries(value.flatMap((item) => listSteps(item, field)));
  if (typeof value !== 'object' || value === null || atomicMaps.has(field)) return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [`f:${key}`, treeOf(inner, key)]),
  );
}

function listSteps(item: Record<string, unknown>, field: string): [string, unknown][] {
  if (field === 'finalizers') return [[`v:${JSON.stringify(item)}`, {}]];
  const keys = field === 'ports' ? portKeys(item) : listKeys[field];
  if (keys === undefined) return [];
  const step = JSON.stringify(Object.fromEntries(keys.map((key) => [key, item[key]])));
  // Items of ownerReferences are owned as a whole.
  return [[`k:${step}`, field === 'ownerReferences' ? {} : { '.': {}, ...treeOf(item, '') }]];
}

function portKeys(item: Record<string, unknown>): readonly string[] {
  return 'containerPort' in item ? ['containerPort', 'protocol'] : ['port', 'protocol'];
}
