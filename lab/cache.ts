import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { acquireLock } from './lock.ts';
import type { Progress, Step } from './progress.ts';

const run = promisify(execFile);

/** One result to build or download once. */
export interface CachedBuild {
  /** Lower-case words with hyphens. Entries with the same name are versions of one thing. */
  readonly name: string;
  /** Everything the result depends on: file contents, flags, tool versions. Another order makes another entry. */
  readonly inputs: readonly (string | Uint8Array)[];
  /**
   * Fills the empty folder `dir`. Output of programs goes into the file `log`. If the build fails, the last lines of
   * that file are shown.
   */
  build(dir: string, context: { readonly log: string; readonly step: Step }): Promise<void>;
  readonly progress: Progress;
  /** Number of versions that are kept when a new version is built. Default 3. */
  readonly keepEntries?: number;
  /** A version used within this time is always kept: another run may still need it. Milliseconds, default an hour. */
  readonly inUseMs?: number;
  /** Default `cacheRoot()`. */
  readonly root?: string;
  /** Ends the wait for another run that builds the same entry. It does not end `build`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the folder that holds the result. If no earlier run built the result, builds it in another folder, which is
 * renamed at the end. So an entry is complete or does not exist. If another process builds the same entry, waits for
 * that process. The next build removes the files that an interrupted build left.
 */
export async function cachedBuild(request: CachedBuild): Promise<string> {
  const { name, inputs, build, progress, keepEntries = 3, inUseMs = 3_600_000, root = cacheRoot(), signal } = request;
  const entry = join(root, `${name}-${hashInputs(inputs)}`);
  if (await markUsed(entry)) return entry;

  const log = `${entry}.log`;
  const partial = `${entry}.partial`;
  return await progress.step(
    `Build ${name}`,
    async (step) => {
      await makeReadableFolder(root);
      await using _lock = await acquireLock({
        name: `cache/${hashInputs([entry])}`,
        what: `building ${name}`,
        ...(signal ? { signal } : {}),
        onWait: (holder) => step.update(`process ${holder?.pid ?? '(unnamed)'} builds the same, waiting for it`),
      });
      if (await markUsed(entry)) return entry;
      await rm(partial, { recursive: true, force: true });
      await makeReadableFolder(partial);
      await build(partial, { log, step });
      // Write the contents to the disk before the rename: otherwise a power cut may keep the rename and lose the
      // contents.
      await run('sync', ['--file-system', partial]);
      await rename(partial, entry);
      await rm(log, { force: true });
      await prune({ root, name, keepEntries, inUseMs });
      return entry;
    },
    { log },
  );
}

/** Hashes inputs, each after its length, so that moving a byte from one input to the next changes the hash. */
export function hashInputs(inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) {
    const bytes = typeof input === 'string' ? Buffer.from(input) : input;
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Returns the folder for built and downloaded files, outside the repository. It is SUMPIPELINE_CACHE if set,
 * /var/cache/sumpipeline for root, otherwise the cache folder of the user. For root it is not below /root, because
 * PostgreSQL does not run as root, and other users cannot read files below /root.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  return (
    env['SUMPIPELINE_CACHE'] ??
    (uid === 0 ? '/var/cache/sumpipeline' : join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sumpipeline'))
  );
}

/**
 * Returns the folder for data of running programs: SUMPIPELINE_STATE if set, /var/lib/sumpipeline for root, otherwise
 * ~/.local/state.
 */
export function stateRoot(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  return (
    env['SUMPIPELINE_STATE'] ??
    (uid === 0
      ? '/var/lib/sumpipeline'
      : join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'sumpipeline'))
  );
}

/** Sets the entry's modification time, which is its time of last use, to now. Returns false if there is no entry. */
async function markUsed(entry: string): Promise<boolean> {
  try {
    const now = new Date();
    await utimes(entry, now, now);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Makes a folder that every user can read. Calls chmod, because the umask would restrict the mode that mkdir sets. */
async function makeReadableFolder(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o755);
}

interface Prune {
  readonly root: string;
  readonly name: string;
  readonly keepEntries: number;
  readonly inUseMs: number;
}

async function prune({ root, name, keepEntries, inUseMs }: Prune): Promise<void> {
  const versions = (await readdir(root)).filter(
    (file) => file.startsWith(`${name}-`) && isHash(file.slice(name.length + 1)),
  );
  const used = [];
  for (const version of versions) {
    const path = join(root, version);
    const usedAt = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      (error) => {
        if (isMissing(error)) return undefined; // another run removed the entry first
        throw error;
      },
    );
    if (usedAt !== undefined) used.push({ path, usedAt });
  }
  used.sort((a, b) => b.usedAt - a.usedAt);
  for (const { path, usedAt } of used.slice(keepEntries)) {
    if (Date.now() - usedAt > inUseMs) await rm(path, { recursive: true, force: true });
  }
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
