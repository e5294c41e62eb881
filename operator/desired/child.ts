import { ownerLabels, recommendedLabels, selectorLabels } from '#contract/labels.ts';
import { apiVersion, type Component, kind } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { refOf } from './identity.ts';
import type { OwnedKind } from './ownership.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly blockOwnerDeletion: boolean;
}

export interface ChildMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** What server-side apply sends: only the fields we own. */
export interface ChildObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ChildMetadata;
  readonly [field: string]: unknown;
}

/** One object that should exist, with the row of the ownership table that says how it is treated. */
export interface Child {
  readonly owned: OwnedKind;
  readonly object: ChildObject;
}

export interface ChildOptions {
  readonly owned: OwnedKind;
  readonly name: string;
  /** Absent for what belongs to the whole pipeline. */
  readonly component?: Component;
  /** Further labels; ours win. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Puts the common part around a child's body: type, name, labels, owner. */
export function childOf(pipeline: SumPipeline, options: ChildOptions, body: object): ChildObject {
  const { owned, name, component, annotations } = options;
  return {
    apiVersion: owned.apiVersion,
    kind: owned.kind,
    metadata: {
      name,
      namespace: pipeline.metadata.namespace,
      labels: { ...options.labels, ...labelsOf(pipeline, component) },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReferenceOf(pipeline)],
    },
    ...body,
  };
}

/** Labels of every child: whose it is, and what people filter by. */
export function labelsOf(pipeline: SumPipeline, component?: Component): Record<string, string> {
  const ref = refOf(pipeline);
  const owner = component === undefined ? ownerLabels(ref) : selectorLabels(ref, component);
  return { ...recommendedLabels(ref, component), ...owner };
}

/** A resource from a file has no uid yet: the field then says so instead of being left out. */
const uidOffline = '00000000-0000-0000-0000-000000000000';

function ownerReferenceOf(pipeline: SumPipeline): OwnerReference {
  return {
    apiVersion,
    kind,
    name: pipeline.metadata.name,
    uid: pipeline.metadata.uid ?? uidOffline,
    controller: true,
    blockOwnerDeletion: true,
  };
}
