import { readFile } from 'node:fs/promises';

/** A mounted file cannot be read. The message names its source, so that users know which Secret to create. */
export class SecretFileError extends Error {
  constructor(what: string, source: string, cause?: unknown) {
    super(`${what}: ${source} is missing or empty`, { cause });
    this.name = 'SecretFileError';
  }
}

export interface SecretFile {
  /** What the file has, for messages: `Kafka password`. */
  readonly what: string;
  readonly path: string;
  /**
   * Where the file comes from, for messages: `Secret orders-kafka, key password`. If undefined, messages name the path.
   */
  readonly source: string | undefined;
}

/**
 * Reads a mounted file, without the last newline, which editors add. Throws SecretFileError if it is missing or
 * empty.
 */
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
