import { z } from 'zod';

/** Reads JSON that another program, or a user, wrote. Throws an Error that names the field. */
export function parseJsonFile<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return parsed.data;
}

/** Ends with a newline, so that `kubectl get configmap -o yaml` shows it as a block. */
export function formatJsonFile(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
