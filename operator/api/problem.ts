import type { z } from 'zod';

/** One thing that is wrong with a resource. */
export interface Problem {
  /** Path of the field, such as `spec.kafka.topic.partitions`. Empty for the resource as a whole. */
  readonly path: string;
  /** What is wrong and what to do, without the path. */
  readonly message: string;
}

/** Formats the problems for users, one line for each. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}

/** Writes `['spec', 'tolerations', 0, 'key']` as `spec.tolerations[0].key`, like the API server. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}

/**
 * Returns our message for an issue of zod. Undefined means that zod uses the message of the schema or the default
 * message.
 */
export function explainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${withArticle(issue.expected)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return `must ${measure(issue.origin, `at least ${issue.minimum}`)}`;
    case 'too_big':
      return `must ${measure(issue.origin, `at most ${issue.maximum}`)}`;
    default:
      return undefined;
  }
}

function measure(origin: string, bound: string): string {
  if (origin === 'string') return `have ${bound} characters`;
  if (origin === 'array') return `have ${bound} entries`;
  return `be ${bound}`;
}

const articles: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  int: 'a whole number',
  record: 'a map',
};

function withArticle(type: string): string {
  return articles[type] ?? `a ${type}`;
}
