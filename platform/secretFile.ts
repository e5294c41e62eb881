import { readFile } from 'node:fs/promises';

/** A mounted secret could not be read. The message names its source, so users know which Secret to create. */
export class SecretFileError extends Error {
  constructor(what: string, source: string, cause?: unknown) {
    super(`${what}: ${source} is missing or empty`, { cause });
    this.name = 'SecretFileError';
  }
}

export interface SecretFile {
  /** What it is, for messages: `Kafka password`. */
  readonly what: string;
  readonly path: string;
  /** Where it comes from in words: `Secret orders-kafka, key password`; the path when absent. */
  readonly source: string | undefined;
}

/** Reads a mounted secret without the newline at its end that editors and `kubectl create --from-file` leave. */
export async function readSecretFile(file: SecretFile): Promise<string> {
  let text: string;
  try {
    text = await readFile(file.path, 'utf8');
  } catch (error) {
    throw new SecretFileError(file.what, file.source ?? file.path, error);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new SecretFileError(file.what, file.source ?? file.path);
  return value;
}
