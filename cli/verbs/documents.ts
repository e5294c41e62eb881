import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { CliError, describeChain, exitCodes, usageError } from '#cli/exit.ts';

import { kind } from '#contract/names.ts';

/** One document of a YAML or JSON file. */
export interface ManifestDocument {
  /** `pipeline.yaml`, or `pipeline.yaml, document 2`. */
  readonly name: string;
  readonly content: unknown;
}

/** A pipeline file is a page long. */
const fileBytesMax = 4 * 1024 * 1024;

/** Reads every document of a file, or of standard input for `-`. Text that is no YAML ends with its line. */
export async function readDocuments(path: string, stdin: Readable): Promise<ManifestDocument[]> {
  const text = await readText(path, stdin);
  const name = path === '-' ? 'standard input' : path;
  const documents = [...parseAllDocuments(text)];
  const named = documents.map((document, index) => {
    const documentName = documents.length === 1 ? name : `${name}, document ${index + 1}`;
    const [error] = document.errors;
    if (error !== undefined) {
      throw new CliError(exitCodes.failed, `${documentName} is not YAML: ${error.message.split('\n')[0]}`);
    }
    return { name: documentName, content: document.toJS({ maxAliasCount: 100 }) as unknown };
  });
  const filled = named.filter(({ content }) => content !== null && content !== undefined);
  if (filled.length === 0) throw new CliError(exitCodes.failed, `${name} holds no document`);
  return filled;
}

async function readText(path: string, stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  if (path !== '-') {
    chunks.push(
      await readFile(path).catch((error: unknown) => {
        throw usageError(`cannot read ${path}: ${describeChain(error)}`);
      }),
    );
  } else for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  if (bytes.length > fileBytesMax) throw new CliError(exitCodes.failed, `${path} is larger than ${fileBytesMax} bytes`);
  return bytes.toString('utf8');
}

/** Ours by its kind, in whatever version: a wrong version is then a problem with a name, not a document passed over. */
export function isPipelineDocument({ content }: ManifestDocument): boolean {
  const parsed = z.object({ kind: z.literal(kind) }).safeParse(content);
  return parsed.success;
}
