import type { Command } from 'commander';
import { z } from 'zod';
import { usageError } from './exit.ts';

/** The value of an option that names something. It must not be empty: `--file "$UNSET"` is a mistake of the user. */
export const named = z.string().min(1, 'must not be empty');

/** The name of a namespace. Kubernetes requires a DNS label. */
export const namespaceName = named.regex(
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'must be the name of a namespace: at most 63 lower-case letters, digits and hyphens',
);

/** Checks the options that commander read. Throws a usage error that names the flag, such as `--import-id`. */
export function parseOptions<Schema extends z.ZodObject>(schema: Schema, command: Command): z.output<Schema> {
  const parsed = schema.safeParse(command.opts());
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  // Commander checks choices and mandatory options. Any issue besides our own two is a bug in this program.
  if (issue?.code !== 'too_small' && issue?.code !== 'invalid_format') throw parsed.error;
  throw usageError(`${flagOf(String(issue.path[0]))} ${issue.message}`);
}

/** Turns the name of an option into its flag: `importId` into `--import-id`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
