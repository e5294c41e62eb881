import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { cachedBuild } from '#lab/cache.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { type CrdSet, readCrdSet } from './crds.ts';

const run = promisify(execFile);

/** The part of `go mod download -json` that we read. */
const downloadSchema = z.object({ Dir: z.string() });

const timeoutMs = 5 * 60_000;

export interface ModuleCrds {
  /** Name of the build in the cache. */
  readonly name: string;
  readonly goModule: string;
  /** Folder of the module that contains only CRDs. */
  readonly folder: string;
}

export interface CrdOptions {
  readonly progress?: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/** Returns the CRDs that a project keeps in its Go module, in the version that go.mod pins. */
export async function moduleCrds({ name, goModule, folder }: ModuleCrds, options: CrdOptions = {}): Promise<CrdSet> {
  const { progress = silentProgress, env = process.env } = options;
  const pins = ['go.mod', 'go.sum'].map((file) => readFile(join(import.meta.dirname, file)));
  const path = await cachedBuild({
    name,
    inputs: [...(await Promise.all(pins)), folder],
    progress,
    async build(dir) {
      const { stdout } = await run('go', ['mod', 'download', '-json', goModule], {
        cwd: import.meta.dirname,
        env: { ...env, GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' },
        timeout: timeoutMs,
      }).catch((cause: Error) => {
        throw new Error(`go mod download ${goModule} failed (it needs Go >= 1.26 on PATH)`, { cause });
      });
      await cp(join(downloadSchema.parse(JSON.parse(stdout)).Dir, folder), dir, { recursive: true });
    },
  });
  return readCrdSet(path);
}
