import type { z } from 'zod';
import { buildSchema } from './crd.ts';
import { pipelineSchema } from './pipeline.ts';
import type { Problem } from './problem.ts';
import { explainIssue, formatPath } from './problem.ts';
import type { StructuralSchema } from './structural.ts';
import type { SumPipeline } from './types.ts';
import { findUnknownFields } from './unknownFields.ts';

export type ParsedPipeline =
  | { readonly ok: true; readonly value: SumPipeline }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseOptions {
  /** Namespace of a resource that names no namespace. If absent, such a resource is a problem. */
  readonly namespace?: string;
}

/**
 * Parses a SumPipeline from the API server; unknown fields are dropped, as the server drops them. Checks everything
 * that the API server checks, except rules about the change from an older version.
 */
export function parsePipeline(object: unknown, options: ParseOptions = {}): ParsedPipeline {
  const parsed = pipelineSchema.safeParse(object, { error: explainIssue });
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.map(toProblem) };
  const namespace = parsed.data.metadata.namespace ?? options.namespace;
  if (namespace === undefined) {
    return { ok: false, problems: [{ path: 'metadata.namespace', message: 'is missing: name a namespace' }] };
  }
  return { ok: true, value: { ...parsed.data, metadata: { ...parsed.data.metadata, namespace } } };
}

/**
 * The same for a file that a user wrote: an unknown field is a problem, because it is most likely a typo and would have
 * no effect.
 */
export function parsePipelineStrictly(object: unknown, options: ParseOptions = {}): ParsedPipeline {
  const parsed = parsePipeline(object, options);
  strictSchema ??= buildStrictSchema();
  const unknown = findUnknownFields(object, strictSchema);
  if (unknown.length === 0) return parsed;
  return { ok: false, problems: [...unknown, ...(parsed.ok ? [] : parsed.problems)] };
}

/** Built once, at the first use: the operator never uses it. */
let strictSchema: StructuralSchema | undefined;

/** Only the API server knows all fields of metadata. */
function buildStrictSchema(): StructuralSchema {
  const schema = buildSchema();
  return { ...schema, properties: { ...schema.properties, metadata: { type: 'object' } } };
}

function toProblem(issue: z.core.$ZodIssue): Problem {
  return { path: formatPath(issue.path), message: issue.message };
}
