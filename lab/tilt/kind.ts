import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { buildKubeconfig } from '#lab/cluster/kubeconfig.ts';
import type { Tilt } from './tilt.ts';

export interface KindOptions {
  readonly tilt: Tilt;
  /** The flag that names the Tiltfile. */
  readonly tiltfile: readonly string[];
  /** Folder for a kubeconfig. */
  readonly dir: string;
}

const resultSchema = z.object({ Manifests: z.array(z.object({ Name: z.string() })).min(1) });

/**
 * Lets Tilt read the Tiltfile as on kind, and returns the names of the resources. Needs no Docker and no kind cluster,
 * only a kubeconfig, because Tilt connects only after it has read the whole Tiltfile.
 */
export async function checkForKind({ tilt, tiltfile, dir }: KindOptions): Promise<string[]> {
  const kubeconfigPath = join(dir, 'kind.kubeconfig');
  const nowhere = { server: 'https://127.0.0.1:1', caPem: '', credentials: { token: '-' } };
  await writeFile(kubeconfigPath, buildKubeconfig({ ...nowhere, name: 'kind-sumpipeline' }), { mode: 0o600 });
  const lines: string[] = [];
  const code = await tilt.run({
    kubeconfigPath,
    args: ['alpha', 'tiltfile-result', ...tiltfile],
    onLine: (line) => lines.push(line),
  });
  const text = lines.join('\n');
  if (code !== 0) throw new Error(`Tilt cannot read the Tiltfile as on kind:\n${text}`);
  const { Manifests } = resultSchema.parse(JSON.parse(text.slice(text.indexOf('{'))));
  return Manifests.map(({ Name }) => Name);
}
