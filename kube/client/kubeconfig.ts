import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type KubeconfigFile, parseKubeconfigFile } from './kubeconfigFile.ts';

/** The merged content of the kubeconfig files. Every path in an entry is absolute. */
export interface Kubeconfig extends KubeconfigFile {
  /** The files that were read. */
  readonly files: readonly string[];
  /** Files that KUBECONFIG names but that do not exist. */
  readonly missing: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the text of a file. An error with the code ENOENT means that the file does not exist. */
export type ReadFile = (file: string) => string;

export interface KubeconfigOptions {
  /** File of --kubeconfig. If given, it is the only file and must exist. Undefined or empty means not given. */
  readonly explicitPath?: string | undefined;
  /** Environment variables. KUBECONFIG and HOME are used. */
  readonly env: Environment;
  /** Returns the text of a file. Default: reads from the disk. */
  readonly readFile?: ReadFile;
}

/** Thrown if no cluster was found. The message names the file or entry. `hint` says what the user should do next. */
export class KubeconfigError extends Error {
  /** Kind of problem. `absent` means that no kubeconfig file exists. */
  readonly problem: 'absent' | 'unreadable' | 'unknownContext' | 'unknownCluster' | 'invalid';
  readonly hint: string;

  constructor(problem: KubeconfigError['problem'], message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'KubeconfigError';
    this.problem = problem;
    this.hint = hint;
  }
}

export const readFromDisk: ReadFile = (file) => readFileSync(file, 'utf8');

/**
 * Reads and merges kubeconfig files by the rules of kubectl (docs/adr/0036). Throws KubeconfigError, which names every
 * file that cannot be read.
 */
export function loadKubeconfig(options: KubeconfigOptions): Kubeconfig {
  const { explicitPath = '', env, readFile = readFromDisk } = options;
  const wanted = explicitPath === '' ? listFiles(env) : [explicitPath];
  const found: KubeconfigFile[] = [];
  const missing: string[] = [];
  const failures: Error[] = [];
  for (const file of wanted) {
    try {
      found.push(parseKubeconfigFile(readFile(file), file));
    } catch (error) {
      if (isMissing(error) && explicitPath === '') missing.push(file);
      else failures.push(new Error(file, { cause: error }));
    }
  }
  const [first] = failures;
  if (first === undefined) {
    const files = wanted.filter((file) => !missing.includes(file));
    return { ...merge(found), files, missing: env['KUBECONFIG'] ? missing : [] };
  }
  throw new KubeconfigError(
    'unreadable',
    `the kubeconfig cannot be read: ${failures.map((failure) => `${failure.message}: ${causeOf(failure)}`).join('; ')}`,
    'Name another file with --kubeconfig.',
    first.cause,
  );
}

/** Lists the files in the order of their precedence. A path that is listed twice counts once. */
function listFiles(env: Environment): string[] {
  const list = env['KUBECONFIG'] ?? '';
  if (list === '') return [path.join(env['HOME'] ?? '', '.kube', 'config')];
  return [...new Set(list.split(path.delimiter))].filter((file) => file !== '');
}

/** Merges files. If several files have an entry of the same name, the entry of the first file is used as a whole. */
function merge(files: readonly KubeconfigFile[]): KubeconfigFile {
  return {
    currentContext: files.find(({ currentContext }) => currentContext !== '')?.currentContext ?? '',
    clusters: firstWins(files.map(({ clusters }) => clusters)),
    users: firstWins(files.map(({ users }) => users)),
    contexts: firstWins(files.map(({ contexts }) => contexts)),
  };
}

function firstWins<T>(maps: readonly ReadonlyMap<string, T>[]): ReadonlyMap<string, T> {
  // A later entry of a Map replaces an earlier one, and the first file must win. So begin with the last file.
  return new Map(maps.toReversed().flatMap((entries) => [...entries]));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function causeOf({ cause }: Error): string {
  return cause instanceof Error ? cause.message : String(cause);
}
