import { formatPath } from '#operator/api/problem.ts';
import type { StructuralSchema } from '#operator/api/structural.ts';

type Step = string | number;

/** A value just outside a bound of the schema. */
export interface Violation {
  readonly steps: readonly Step[];
  /** Path of the field, as the API server writes it. */
  readonly path: string;
  readonly bound: string;
  readonly value: unknown;
  /** First words of the API server's error after the path. */
  readonly server: string;
}

/** Returns one violation for every bound of every field that the sample has. */
export function violationsOf(schema: StructuralSchema, sample: unknown, steps: readonly Step[] = []): Violation[] {
  const path = formatPath(steps);
  const own = Object.entries(ownViolations(schema, sample, path)).map(([bound, [value, server]]) => ({
    steps,
    path,
    bound,
    value,
    server,
  }));
  return [
    ...own,
    ...childrenOf(schema, sample).flatMap(([step, child, value]) => violationsOf(child, value, [...steps, step])),
  ];
}

/** Returns the paths of all nodes of the schema. A list item is written `[]`, a map entry `*`. */
export function pathsOf(schema: StructuralSchema, path: string): string[] {
  const { properties = {}, items, additionalProperties } = schema;
  return [
    path,
    ...Object.entries(properties).flatMap(([name, child]) => pathsOf(child, `${path}.${name}`)),
    ...(items === undefined ? [] : pathsOf(items, `${path}[]`)),
    ...(additionalProperties === undefined ? [] : pathsOf(additionalProperties, `${path}.*`)),
  ];
}

/** Returns the paths of the schema that the value uses, in the form of `pathsOf`. */
export function usedPathsOf(schema: StructuralSchema, value: unknown, path: string): string[] {
  return [
    path,
    ...childrenOf(schema, value).flatMap(([step, child, childValue]) => {
      const name = typeof step === 'number' ? '[]' : schema.additionalProperties === undefined ? `.${step}` : '.*';
      return usedPathsOf(child, childValue, `${path}${name}`);
    }),
  ];
}

function ownViolations(schema: StructuralSchema, sample: unknown, path: string): Record<string, [unknown, string]> {
  const { minLength, maxLength, minimum, maximum, minItems, maxItems, maxProperties, pattern } = schema;
  const violations: Record<string, [unknown, string]> = {};
  if (minLength)
    violations['minLength'] = ['', `Invalid value: "": ${path} in body should be at least ${minLength} chars long`];
  if (maxLength !== undefined)
    violations['maxLength'] = ['a'.repeat(maxLength + 1), `Too long: may not be more than ${maxLength} bytes`];
  if (pattern !== undefined)
    violations['pattern'] = [' ! ', `Invalid value: " ! ": ${path} in body should match '${pattern}'`];
  if (schema.enum !== undefined) violations['enum'] = ['Nonsense', 'Unsupported value: "Nonsense"'];
  if (minimum !== undefined) {
    violations['minimum'] = [
      minimum - 1,
      `Invalid value: ${minimum - 1}: ${path} in body should be greater than or equal to ${minimum}`,
    ];
  }
  if (maximum !== undefined) {
    violations['maximum'] = [
      maximum + 1,
      `Invalid value: ${maximum + 1}: ${path} in body should be less than or equal to ${maximum}`,
    ];
  }
  if (minItems)
    violations['minItems'] = [[], `Invalid value: 0: ${path} in body should have at least ${minItems} items`];
  if (maxItems !== undefined && Array.isArray(sample)) {
    violations['maxItems'] = [
      Array(maxItems + 1).fill(sample[0]),
      `Too many: ${maxItems + 1}: must have at most ${maxItems} items`,
    ];
  }
  if (maxProperties !== undefined && typeof sample === 'object' && sample !== null) {
    const value = Object.values(sample)[0];
    const entries = Array.from({ length: maxProperties + 1 }, (_, index) => [`key${index}`, value]);
    violations['maxProperties'] = [
      Object.fromEntries(entries),
      `Too many: ${maxProperties + 1}: must have at most ${maxProperties} items`,
    ];
  }
  if (schema.type !== undefined) {
    const wrong = schema.type === 'string' ? 12 : 'text';
    const got = typeof wrong === 'number' ? 'integer' : 'string';
    violations['type'] = [wrong, `Invalid value: "${got}": ${path} in body must be of type ${schema.type}: "${got}"`];
  }
  return violations;
}

function childrenOf(schema: StructuralSchema, value: unknown): [Step, StructuralSchema, unknown][] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.slice(0, 1).map((item) => [0, items, item]);
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]): [Step, StructuralSchema, unknown][] => {
    const childSchema = schema.properties?.[name] ?? schema.additionalProperties;
    return childSchema === undefined ? [] : [[name, childSchema, child]];
  });
}
