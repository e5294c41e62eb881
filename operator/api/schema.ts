import { z } from 'zod';

/**
 * One rule of the API: as CEL for the API server, and in TypeScript for `sumctl validate` and the operator, which
 * have no server to ask. A test compares the two verdicts on the real API server.
 */
export interface Rule<Value> {
  /** CEL over `self` (and `oldSelf`). */
  readonly rule: string;
  /** What is wrong and the cure. */
  readonly message: string;
  /** Field below the node that the error names, e.g. `.replicas`. Default: the node itself. */
  readonly fieldPath?: string;
  /** The same verdict; absent for a rule about `oldSelf`, because offline there is no old object. */
  readonly holds?: (self: Value) => boolean;
}

/** Adds rules to a node. Put them on the deepest node that sees what they need: ratcheting works per node. */
export function withRules<Schema extends z.ZodType>(
  schema: Schema,
  ...rules: readonly Rule<z.output<Schema>>[]
): Schema {
  return schema
    .superRefine((value, context) => {
      for (const { holds, message, fieldPath } of rules) {
        if (holds === undefined || holds(value)) continue;
        context.addIssue({ code: 'custom', message, path: fieldPath?.split('.').filter(Boolean) ?? [] });
      }
    })
    .meta({
      'x-kubernetes-validations': rules.map(({ rule, message, fieldPath }) => ({
        rule,
        message,
        ...(fieldPath === undefined ? {} : { fieldPath }),
      })),
    });
}

/** `self == oldSelf` on a required scalar; optional ones need `has()` on their parent. */
export function immutable<Schema extends z.ZodType>(schema: Schema, message: string): Schema {
  return withRules(schema, { rule: 'self == oldSelf', message });
}

/** A list that server-side apply merges by these keys. */
export function mapList<Item extends z.ZodType>(item: Item, keys: readonly string[], itemsMax: number) {
  return z.array(item).max(itemsMax).meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}

/** A list that has one owner as a whole. */
export function atomicList<Item extends z.ZodType>(item: Item, itemsMax: number) {
  return z.array(item).max(itemsMax).meta({ 'x-kubernetes-list-type': 'atomic' });
}

/** A map of strings. */
export function stringMap(propertiesMax: number, valueLengthMax: number) {
  return z.record(z.string(), z.string().max(valueLengthMax)).meta({ maxProperties: propertiesMax });
}

/** A Kubernetes quantity: `500m`, `1Gi`, or a bare integer. The pattern is the one of Kubernetes' own generator. */
export const quantityPattern =
  /^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$/;

export function quantity() {
  return z
    .union([z.string().max(32).regex(quantityPattern, 'must be a quantity such as 500m or 1Gi'), z.int32()])
    .meta({ 'x-kubernetes-int-or-string': true, pattern: quantityPattern.source, maxLength: 32 });
}

/** Name of an object, as DNS-1123 subdomains are written. */
export function objectName() {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be the name of an object: lower-case letters, digits, - and .');
}

/** Name of a namespace. */
export function namespaceName() {
  return z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the name of a namespace: lower-case letters, digits and -');
}

/** Key of a Secret. */
export function secretKey() {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/, 'must be a key of a Secret: letters, digits, -, _ and .');
}
