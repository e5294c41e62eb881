import type { Problem } from './problem.ts';
import type { StructuralSchema } from './structural.ts';

/**
 * Finds fields that the schema does not have. The API server drops unknown fields, or refuses the object if the
 * request asks for strict validation.
 */
export function findUnknownFields(value: unknown, schema: StructuralSchema, path = ''): Problem[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return [];
    return value.flatMap((item, index) => findUnknownFields(item, items, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const { properties, additionalProperties } = schema;
  // A node without properties and additionalProperties is metadata: only the API server knows its fields.
  if (properties === undefined && additionalProperties === undefined) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const childPath = path === '' ? name : `${path}.${name}`;
    const childSchema =
      properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (childSchema !== undefined) return findUnknownFields(child, childSchema, childPath);
    return [{ path: childPath, message: unknownMessage(Object.keys(properties ?? {})) }];
  });
}

function unknownMessage(known: readonly string[]): string {
  return `is not a field of SumPipeline; allowed here: ${known.join(', ')}`;
}
