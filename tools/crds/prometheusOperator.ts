import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { cachedBuild } from '#tools/cache.ts';
import { type Progress, silentProgress } from '#tools/progress.ts';
import { type CrdSet, readCrdSet } from './crds.ts';

const run = promisify(execFile);

const goModule = 'github.com/prometheus-operator/prometheus-operator';
const folder = 'example/prometheus-operator-crd';

/** The part of `go mod download -json` that we read. */
const downloadSchema = z.object({ Dir: z.string() });

const timeoutMs = 5 * 60_000;

/** The genuine CRDs of prometheus-operator (ServiceMonitor, PrometheusRule, ...), in the version that go.mod pins. */
export async function prometheusOperatorCrds({
  progress = silentProgress,
  env = process.env,
}: {
  progress?: Progress;
  env?: NodeJS.ProcessEnv;
} = {}): Promise<CrdSet> {
  const pins = ['go.mod', 'go.sum'].map((name) => readFile(join(import.meta.dirname, name)));
  const path = await cachedBuild({
    name: 'prometheus-operator-crds',
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
