import { z } from 'zod';

/**
 * One rule of the API, written twice: in CEL for the API server, and in TypeScript for the operator and `sumctl
 * validate`, which check without a server. A test compares both results on a real API server.
 */
export interface Rule<Value> {
  /** CEL expression over `self`, and `oldSelf` for a change. True means allowed. */
  readonly rule: string;
  /** What is wrong and what to do. The path of the field is always shown before the message. */
  readonly message: string;
  /** Field that the error names, relative to the node, e.g. `.replicas`. Default: the node itself. */
  readonly fieldPath?: string;
  /**
   * Error type, which decides the words that the API server puts before the message. Default `FieldValueInvalid`:
   * "Invalid value".
   */
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
  /** The same check in TypeScript. Absent for a rule about `oldSelf`: without a server no old object is known. */
  readonly holds?: (self: Value) => boolean;
}

/**
 * Adds rules to a node. Put a rule on the deepest node that has all fields of the rule: the API server skips the rules
 * of a node that did not change (ratcheting).
 */
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
      'x-kubernetes-validations': rules.map(({ rule, message, fieldPath, reason }) => ({
        rule,
        message,
        ...(reason === undefined ? {} : { reason }),
        ...(fieldPath === undefined ? {} : { fieldPath }),
      })),
    });
}

/** Adds the rule `self == oldSelf` to a required scalar. An optional scalar needs a rule with `has()` on its parent. */
export function immutable<Schema extends z.ZodType>(schema: Schema, message: string): Schema {
  return withRules(schema, { rule: 'self == oldSelf', reason: 'FieldValueForbidden', message });
}

/** A list that server-side apply merges by these keys of its items. Each key must be required or have a default. */
export function mapList<Item extends z.ZodType<Record<string, unknown>>>(
  item: Item,
  keys: readonly string[],
  itemsMax: number,
) {
  const idOf = (entry: Record<string, unknown>) => JSON.stringify(keys.map((key) => entry[key]));
  return z
    .array(item)
    .max(itemsMax)
    .superRefine((items, context) => {
      const ids = items.map(idOf);
      const message = `has the same ${keys.join(' and ')} as an entry before it`;
      ids.forEach((id, index) => {
        if (ids.indexOf(id) < index) context.addIssue({ code: 'custom', path: [index], message });
      });
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}

/** A list that one field manager owns as a whole. */
export function atomicList<Item extends z.ZodType>(item: Item, itemsMax: number) {
  return z.array(item).max(itemsMax).meta({ 'x-kubernetes-list-type': 'atomic' });
}

/** A map with a maximum size. Without a maximum the API server rejects every rule below the map as too expensive. */
export function boundedMap<Value extends z.ZodType>(value: Value, propertiesMax: number) {
  return z
    .record(z.string(), value)
    .superRefine((map, context) => {
      if (Object.keys(map).length <= propertiesMax) return;
      context.addIssue({ code: 'custom', message: `must have at most ${propertiesMax} entries` });
    })
    .meta({ maxProperties: propertiesMax });
}

const labelKeyPattern = '^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$';
const labelKeyRegex = new RegExp(labelKeyPattern);

const keysAreQualified = {
  rule: `self.all(key, key.matches('${labelKeyPattern}'))`,
  message:
    'a key must be name or prefix/name: the name has at most 63 letters, digits, -, _ and ., the prefix is a DNS name',
  holds: (self: Readonly<Record<string, unknown>>) => Object.keys(self).every((key) => labelKeyRegex.test(key)),
} satisfies Rule<Record<string, string>>;

/** Labels or a label selector. Wrong labels are refused here: otherwise the apply of the child would fail later. */
export function labelMap(...rules: readonly Rule<Record<string, string>>[]) {
  const value = z
    .string()
    .max(63)
    .regex(
      /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/,
      'must be the value of a label: letters, digits, -, _ and .',
    );
  return withRules(boundedMap(value, 32), keysAreQualified, ...rules);
}

/** Annotations. A key has the form of a label key, a value may be any text. */
export function annotationMap(...rules: readonly Rule<Record<string, string>>[]) {
  return withRules(boundedMap(z.string().max(4096), 32), keysAreQualified, ...rules);
}

/** A Kubernetes quantity: `500m`, `1Gi`, or an integer. The pattern is the one that Kubernetes' generator writes. */
const quantityPattern =
  /^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$/;

export function quantity() {
  const error = 'must be a quantity such as 500m or 1Gi';
  return z
    .union([z.string().max(32).regex(quantityPattern, error), z.int32()], { error })
    .meta({ 'x-kubernetes-int-or-string': true, pattern: quantityPattern.source, maxLength: 32 });
}

/** Name of an object: a DNS-1123 subdomain. */
export function objectName() {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be the name of an object: lower-case letters, digits, - and .');
}

/** Name of a namespace: a DNS-1123 label. */
export function namespaceName() {
  return z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the name of a namespace: lower-case letters, digits and -');
}

/** Key in the data of a Secret. */
export function secretKey() {
  return z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/, 'must be a key of a Secret: letters, digits, -, _ and .');
}
