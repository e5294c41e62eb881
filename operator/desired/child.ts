import { ownerLabels, recommendedLabels, selectorLabels } from '#contract/labels.ts';
import { apiVersion, type Component, kind } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { OwnedKind } from './childKinds.ts';
import { refOf } from './identity.ts';

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly blockOwnerDeletion: boolean;
}

interface ChildMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ownerReferences?: OwnerReference[];
}

/** The object that server-side apply sends. It has only the fields that we own. */
export interface ChildObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ChildMetadata;
  readonly [field: string]: unknown;
}

/** One object that should exist, with the row of its kind in the ownership table. */
export interface Child {
  readonly owned: OwnedKind;
  readonly object: ChildObject;
}

export interface ChildOptions {
  readonly owned: OwnedKind;
  readonly name: string;
  /** Absent if the child belongs to the whole pipeline. */
  readonly component?: Component;
  /** Further labels. If a key is also ours, our value is used. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Adds the common fields to the body of a child: type, name, labels, owner. */
export function childOf(pipeline: SumPipeline, options: ChildOptions, body: object): ChildObject {
  const { owned, name, component, annotations } = options;
  const ownerReferences = ownerReferencesOf(pipeline);
  return {
    apiVersion: owned.apiVersion,
    kind: owned.kind,
    metadata: {
      name,
      namespace: pipeline.metadata.namespace,
      labels: { ...options.labels, ...labelsOf(pipeline, component) },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(ownerReferences.length === 0 ? {} : { ownerReferences }),
    },
    ...body,
  };
}

/** Returns the labels of a child: its pipeline, and labels that users filter by. */
export function labelsOf(pipeline: SumPipeline, component?: Component): Record<string, string> {
  const ref = refOf(pipeline);
  const owner = component === undefined ? ownerLabels(ref) : selectorLabels(ref, component);
  return { ...recommendedLabels(ref, component), ...owner };
}

/**
 * Returns the ownerReferences. Empty if the pipeline comes from a file and has no uid: with an invented uid, garbage
 * collection would delete the children after a user applied them.
 */
function ownerReferencesOf(pipeline: SumPipeline): OwnerReference[] {
  const { name, uid } = pipeline.metadata;
  return uid === undefined ? [] : [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }];
}
