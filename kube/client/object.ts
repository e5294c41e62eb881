/**
 * One kind of Kubernetes object as the API server names it. `T` has the fields that the schema of the server
 * guarantees. If the schema guarantees less than the code needs, `T` has `unknown` fields, and the code that reads
 * them parses them.
 */
export interface Resource<T extends KubeObject = KubeObject> {
  /** API group, '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The name in URLs and RBAC, lower-case plural: `deployments`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set. It exists only so that the compiler knows `T`. */
  readonly type?: T;
}

interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: unknown;
  subresource?: string;
}

interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

/** Any object, desired or live. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object as the API server returned it, with uid and resourceVersion. */
export type Live<T extends KubeObject = KubeObject> = T & {
  metadata: { uid: string; resourceVersion: string; creationTimestamp: string };
};

/** Name of one object of a kind. `namespace` is absent only for cluster-scoped kinds. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** Returns `deployments.apps`, as RBAC rules, CRD names and users write it. */
export function resourceId(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** Returns the key of an object in stores and queues: `namespace/name`, or `name` for cluster-scoped kinds. */
export function keyOf(object: ObjectName | KubeObject): string {
  const { namespace, name } = 'metadata' in object ? object.metadata : object;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** Returns the URL path of a collection, or of one object if `name` is given. Throws for a name that is not valid. */
export function pathOf(
  resource: Resource,
  target: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined } = {},
): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
  const parts = [root];
  if (resource.namespaced && target.namespace !== undefined) parts.push('namespaces', segment(target.namespace));
  if (resource.namespaced && target.name !== undefined && target.namespace === undefined) {
    throw new Error(`${resource.kind} ${target.name} needs a namespace: its kind is namespaced`);
  }
  if (!resource.namespaced && target.namespace !== undefined) {
    throw new Error(`${resource.kind} is cluster-scoped and has no namespace: remove namespace ${target.namespace}`);
  }
  parts.push(resource.plural);
  if (target.name !== undefined) parts.push(segment(target.name));
  if (target.subresource !== undefined) parts.push(segment(target.subresource));
  return parts.join('/');
}

function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new Error(`${JSON.stringify(value)} is not a Kubernetes name`);
  }
  return encodeURIComponent(value);
}

/**
 * Compares two resourceVersions of one kind: negative, 0 or positive. They are decimal integers of any length that grow
 * with every write. Kubernetes guarantees this since 1.35. In older versions it is true for all kinds that etcd stores.
 */
export function compareResourceVersions(left: string, right: string): number {
  const a = BigInt(left);
  const b = BigInt(right);
  return a < b ? -1 : a > b ? 1 : 0;
}
