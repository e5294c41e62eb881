import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Document, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { CliError, describeChain, exitCodes, usageError } from '#cli/exit.ts';
import { printable } from '#cli/output/table.ts';
import { apiGroup, apiVersion, kind } from '#contract/names.ts';
import type { ParsedPipeline } from '#operator/api/parse.ts';

/** One document of a YAML or JSON file, or one item of a list in it. */
export interface ManifestDocument {
  /** Name for messages: `pipeline.yaml`, `pipeline.yaml, document 2`, or `pipeline.yaml, document 2, item 3`. */
  readonly name: string;
  readonly content: unknown;
}

/** The pipelines of a file. */
export interface PipelineDocuments {
  /** Name for messages: `pipeline.yaml` or `standard input`. */
  readonly name: string;
  readonly pipelines: readonly ManifestDocument[];
  /**
   * Text about documents that are not pipelines: `2 documents of other kinds (Secret, ConfigMap)`. Undefined if all
   * are pipelines.
   */
  readonly others: string | undefined;
}

/** Maximum size of a file in bytes. A pipeline file has about a page, so a larger file is a mistake. */
const fileBytesMax = 4 * 1024 * 1024;

/**
 * Reads the pipelines of a file, or of standard input for `-`. Throws an error that names the line if the text is not
 * YAML. No document is ignored silently: documents of other kinds are in `others`.
 */
export async function readPipelineDocuments(path: string, stdin: Readable): Promise<PipelineDocuments> {
  const name = path === '-' ? 'standard input' : path;
  const documents = parseDocuments(name, await readText(path, name, stdin)).flatMap(unwrapList);
  const pipelines = documents.filter(isOurs);
  const others = describeOthers(documents.filter((document) => !isOurs(document)));
  if (pipelines.length === 0) {
    throw new CliError(exitCodes.failed, `${name} holds no ${kind} of ${apiVersion}`, {
      ...(others === undefined ? {} : { hint: `It holds ${others}.` }),
    });
  }
  return { name, pipelines, others };
}

function parseDocuments(name: string, text: string): ManifestDocument[] {
  const documents = [...parseAllDocuments(text)];
  const all = documents.map((document, index) => {
    const documentName = documents.length === 1 ? name : `${name}, document ${index + 1}`;
    return { name: documentName, content: toContent(documentName, document) };
  });
  const filled = all.filter(({ content }) => content !== null && content !== undefined);
  if (filled.length === 0) throw new CliError(exitCodes.failed, `${name} holds no document`);
  return filled;
}

function toContent(name: string, document: Document.Parsed): unknown {
  const refuse = (reason: string) => new CliError(exitCodes.failed, `${name} is not YAML: ${firstLine(reason)}`);
  const [error] = document.errors;
  if (error !== undefined) throw refuse(error.message);
  try {
    const content: unknown = document.toJS({ maxAliasCount: 100 });
    JSON.stringify(content); // an anchor that holds itself is valid YAML, but no API server accepts it
    return content;
  } catch (failure) {
    // Aliases are resolved only here: an alias may have no anchor, or a few aliases may expand to gigabytes.
    throw refuse(describeChain(failure));
  }
}

/** Maximum number of characters of a parser message that are shown. */
const shownCharacters = 200;

/** Returns the first line, cut and printable: a message may quote the file, which may hold any characters. */
function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return printable(line.length > shownCharacters ? `${line.slice(0, shownCharacters)}...` : line);
}

async function readText(path: string, name: string, stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  if (path !== '-') {
    chunks.push(
      await readFile(path).catch((error: unknown) => {
        throw usageError(`cannot read ${path}: ${describeChain(error)}`);
      }),
    );
  } else for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  if (bytes.length > fileBytesMax) throw new CliError(exitCodes.failed, `${name} is larger than ${fileBytesMax} bytes`);
  if (!isUtf8(bytes) || bytes.includes(0)) throw new CliError(exitCodes.failed, `${name} is not text in UTF-8`);
  return bytes.toString('utf8');
}

/** Splits a list, as `kubectl get -o yaml` returns it. Does not split a list in a list, which no tool writes. */
function unwrapList(document: ManifestDocument): ManifestDocument[] {
  const list = z.object({ kind: z.string().endsWith('List'), items: z.array(z.unknown()) }).safeParse(document.content);
  if (!list.success) return [document];
  return list.data.items.map((content, index) => ({ name: `${document.name}, item ${index + 1}`, content }));
}

const headSchema = z.object({ apiVersion: z.string().optional(), kind: z.string().optional() }).catch({});

/**
 * Returns whether a document has our kind, in any version and spelling, or our group. Such a document is checked and
 * not skipped, so a mistake in its kind or version is reported.
 */
function isOurs({ content }: ManifestDocument): boolean {
  const head = headSchema.parse(content);
  const isOurKind = head.kind?.toLowerCase() === kind.toLowerCase();
  return isOurKind || head.apiVersion === apiGroup || head.apiVersion?.startsWith(`${apiGroup}/`) === true;
}

function describeOthers(others: readonly ManifestDocument[]): string | undefined {
  if (others.length === 0) return undefined;
  const kinds = new Set(others.map(({ content }) => printable(headSchema.parse(content).kind ?? 'no kind')));
  const documents = others.length === 1 ? '1 document of another kind' : `${others.length} documents of other kinds`;
  return `${documents} (${[...kinds].join(', ')})`;
}

/** Returns the kind of a document that is not a SumPipeline; undefined for a SumPipeline. */
export function wrongKind(content: unknown): string | undefined {
  const found = headSchema.parse(content).kind;
  return found === kind ? undefined : found;
}

/**
 * Checks a document as the operator does, and checks its namespace. `given` is the namespace on the command line.
 * `fallback` is used if neither the command line nor the document names a namespace.
 */
export async function checkDocument(
  { content }: ManifestDocument,
  { given, fallback }: { given: string | undefined; fallback: string },
): Promise<ParsedPipeline> {
  const { parsePipelineStrictly } = await import('#operator/api/parse.ts');
  const parsed = parsePipelineStrictly(content, { namespace: given ?? fallback });
  const inFile = z.object({ metadata: z.object({ namespace: z.string() }) }).safeParse(content).data
    ?.metadata.namespace;
  const contradiction =
    given === undefined || inFile === undefined || inFile === given
      ? []
      : [
          {
            path: 'metadata.namespace',
            message: `is "${inFile}", but -n says "${given}": leave out -n or change the file`,
          },
        ];
  if (parsed.ok && contradiction.length === 0) return parsed;
  const other = wrongKind(content);
  const problems = (parsed.ok ? [] : parsed.problems).map((problem) =>
    problem.path === 'kind' && other !== undefined
      ? { path: 'kind', message: `is "${other}": did you mean ${kind}?` }
      : problem,
  );
  return { ok: false, problems: [...problems, ...contradiction] };
}
