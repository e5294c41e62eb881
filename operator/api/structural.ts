import { z } from 'zod';

/** A node of an OpenAPI v3 schema, with the keywords that a CustomResourceDefinition may have. */
export interface StructuralSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  default?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string; reason?: string }[];
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
}

/**
 * Keywords of a node in the order in which they are written: in the generated file the description comes first, the
 * bounds later.
 */
const keywords = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

/**
 * Converts a zod schema to a structural schema of Kubernetes. The schema describes what a client may send, so fields
 * with a default are optional. zod writes JSON Schema; this function changes the keywords that Kubernetes refuses or
 * writes differently. Throws for a keyword that it does not know.
 */
export function toStructural(schema: z.ZodType): StructuralSchema {
  return convert(z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' }), '$');
}

const int32Max = 2 ** 31 - 1;

function convert(node: Readonly<Record<string, unknown>>, path: string): StructuralSchema {
  const isIntOrString = node['x-kubernetes-int-or-string'] === true;
  const result: Record<string, unknown> = {};
  for (const keyword of keywords) {
    if (node[keyword] !== undefined) result[keyword] = node[keyword];
  }
  if (node['type'] === 'integer') {
    result['format'] = typeof node['maximum'] === 'number' && node['maximum'] <= int32Max ? 'int32' : 'int64';
    // zod adds the bounds of safe integers by itself.
    if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete result['minimum'];
    if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete result['maximum'];
  }
  if (isIntOrString) result['anyOf'] = [{ type: 'integer' }, { type: 'string' }];
  if (isNode(node['properties'])) {
    result['properties'] = Object.fromEntries(
      Object.entries(node['properties']).map(([name, child]) => [
        name,
        convert(asNode(child, path), `${path}.${name}`),
      ]),
    );
  }
  if (isNode(node['additionalProperties'])) {
    result['additionalProperties'] = convert(node['additionalProperties'], `${path}.*`);
  }
  if (isNode(node['items'])) result['items'] = convert(node['items'], `${path}[]`);

  const known = new Set<string>([...keywords, 'properties', 'additionalProperties', 'items', 'anyOf']);
  const unknown = Object.keys(node).filter((keyword) => !known.has(keyword));
  if (unknown.length > 0) throw new Error(`${path}: ${unknown.join(', ')} cannot be used in a structural schema`);
  if (node['anyOf'] !== undefined && !isIntOrString) throw new Error(`${path}: a union is not structural`);
  return result;
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asNode(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (!isNode(value)) throw new Error(`${path}: not a schema`);
  return value;
}
