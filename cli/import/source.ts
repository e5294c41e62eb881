import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CliError, describeChain, exitCodes, usageError } from '#cli/exit.ts';
import { detectBytes, detectFormat } from './detect.ts';
import { contentImportId } from './requestId.ts';
import type { RowFormat } from './rows.ts';

/** An opened input, ready to be read once. */
export interface Source {
  /** Path, or `standard input`. */
  readonly name: string;
  readonly importId: string;
  readonly format: RowFormat;
  /** Size in bytes. Undefined when it is not known. */
  readonly size: number | undefined;
  /** Can be iterated only once. At its end it throws a CliError if the content does not match the import id. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Bytes read so far. */
  readonly progress: () => number;
}

export interface SourceOptions {
  /** A path, or `-` for standard input. */
  readonly path: string;
  readonly stdin: Readable;
  readonly importId: string | undefined;
  readonly format: RowFormat | undefined;
}

/** Opens the input. Without an import id the file is read twice: the first time for the hash that becomes the id. */
export async function openSource(options: SourceOptions): Promise<Source> {
  return options.path === '-' ? await openStdin(options) : await openFile(options);
}

async function openStdin({ stdin, importId, format }: SourceOptions): Promise<Source> {
  if (importId === undefined) {
    throw usageError(
      'standard input needs --import-id',
      'The id names the import: running it again with the same id adds nothing twice. Use another id for other rows.',
    );
  }
  const name = 'standard input';
  const iterator = stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const head: Uint8Array[] = [];
  // The first chunk of a pipe may be a few bytes: too few to detect the format.
  while (head.reduce((sum, chunk) => sum + chunk.length, 0) < detectBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    head.push(next.value);
    if (Buffer.concat(head).toString('utf8').trim() !== '') break;
  }
  const count = counted();
  return {
    name,
    importId,
    format: format ?? detectFormat(name, Buffer.concat(head)),
    size: undefined,
    progress: count.bytes,
    chunks: count.through(
      (async function* () {
        yield* head;
        for (;;) {
          const next = await iterator.next();
          if (next.done === true) return;
          yield next.value;
        }
      })(),
    ),
  };
}

async function openFile({ path, importId, format }: SourceOptions): Promise<Source> {
  const size = await sizeOf(path);
  const head = await readHead(path);
  const detected = detectFormat(path, head);
  const hash = importId === undefined ? await hashFile(path) : undefined;
  const count = counted();
  return {
    name: path,
    importId: importId ?? contentImportId(hash ?? ''),
    format: format ?? detected,
    size,
    progress: count.bytes,
    chunks: count.through(hash === undefined ? readFile(path) : readUnchanged(path, hash)),
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    throw usageError(`cannot read ${path}: ${describeChain(error)}`);
  });
  if (found.isDirectory()) throw usageError(`${path} is a folder; name a file`);
  if (!found.isFile()) {
    // A pipe cannot be read twice, and `<(...)` is a pipe.
    throw usageError(`${path} is not a regular file`, `Pipe it in instead: ... | sumctl add --file - --import-id NAME`);
  }
  return found.size;
}

async function readHead(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readFile(path, detectBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* readFile(path: string, bytes?: number): AsyncGenerator<Uint8Array> {
  try {
    const stream = createReadStream(path, bytes === undefined ? {} : { end: bytes - 1 });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw new CliError(exitCodes.failed, `cannot read ${path}: ${describeChain(error)}`, { cause: error });
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readFile(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Reads the file again. Throws if its bytes changed, because the import id was made from them. */
async function* readUnchanged(path: string, expected: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of readFile(path)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === expected) return;
  throw new CliError(exitCodes.failed, `${path} was changed during the import`, {
    hint: `Some rows were sent under the import id ${contentImportId(expected)}. Restore the file and import it again under --import-id ${contentImportId(expected)}; the summary then lists the conflicting rows.`,
  });
}

function counted() {
  let bytes = 0;
  return {
    bytes: () => bytes,
    through: async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        yield chunk;
      }
    },
  };
}
