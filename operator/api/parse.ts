import type { z } from 'zod';
import { pipelineSchema } from './pipeline.ts';
import type { SumPipeline } from './types.ts';

/** One thing that is wrong with a resource. */
export interface Problem {
  /** `spec.kafka.topic.partitions`; empty for the resource as a whole. */
  readonly path: string;
  readonly message: string;
}

export type ParsedPipeline =
  | { readonly ok: true; readonly value: SumPipeline }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseOptions {
  /** Namespace of a resource that names none. Without it such a resource is a problem. */
  readonly namespace?: string;
}

/**
 * Parses a SumPipeline from the API server or from a file; unknown fields are dropped, as the server drops them.
 * Checks everything that the API server checks, except rules about the change from an older version.
 */
export function parsePipeline(object: unknown, options: ParseOptions = {}): ParsedPipeline {
  const parsed = pipelineSchema.safeParse(object);
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.map(toProblem) };
  const namespace = parsed.data.metadata.namespace ?? options.namespace;
  if (namespace === undefined) {
    return { ok: false, problems: [{ path: 'metadata.namespace', message: 'is missing: name a namespace' }] };
  }
  return { ok: true, value: { ...parsed.data, metadata: { ...parsed.data.metadata, namespace } } };
}

/** One line per problem, as people read them. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}

function toProblem(issue: z.core.$ZodIssue): Problem {
  return { path: formatPath(issue.path), message: issue.message };
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}
