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
  /** Namespace of a resource that names no namespace itself. If absent, such a resource is a problem. */
  readonly namespace?: string;
}

/**
 * Parses a SumPipeline from the API server and drops unknown fields, as the API server does. Checks everything that
 * the API server checks, except the rules that compare with the previous version of the object (`oldSelf`).
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
 * Parses a SumPipeline from a file that a user wrote. An unknown field is a problem: it is most likely a typo and would
 * have no effect.
 */
export function parsePipelineStrictly(object: unknown, options: ParseOptions = {}): ParsedPipeline {
  const parsed = parsePipeline(object, options);
  strictSchema ??= buildStrictSchema();
  const unknown = findUnknownFields(object, strictSchema);
  if (unknown.length === 0) return parsed;
  return { ok: false, problems: [...unknown, ...(parsed.ok ? [] : parsed.problems)] };
}

/** The schema of `parsePipelineStrictly`. It is built at the first use, because the operator never needs it. */
let strictSchema: StructuralSchema | undefined;

/** Builds the schema for files. It does not check fields of metadata: only the API server knows them all. */
function buildStrictSchema(): StructuralSchema {
  const schema = buildSchema();
  return { ...schema, properties: { ...schema.properties, metadata: { type: 'object' } } };
}

function toProblem(issue: z.core.$ZodIssue): Problem {
  return { path: formatPath(issue.path), message: issue.message };
}
