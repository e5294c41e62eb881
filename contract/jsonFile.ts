import { z } from 'zod';

/** Parses JSON that another program or a user wrote. Throws an Error that names the wrong field. */
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

/** Formats JSON. The text ends with a newline, so that `kubectl get configmap -o yaml` shows it as a block. */
export function formatJsonFile(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
