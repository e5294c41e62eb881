import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedBuild } from '#tools/cache.ts';
import { buildPause } from '#tools/cluster/binaries.ts';
import type { Progress } from '#tools/progress.ts';
import { buildManifest, readImageCode, writeImage, writeLayer } from './oci.ts';
import { buildTar } from './tar.ts';

/** The reference under which containerd looks for the container that holds a pod's namespaces. */
export const pauseImage = 'localhost/pause:1';

/** Builds the image of the pause container; answers the path of its archive. */
export async function buildPauseImage({ progress }: { progress: Progress }): Promise<string> {
  const data = await readFile(join(await buildPause({ progress }), 'pause'));
  const entry = await cachedBuild({
    name: 'image-pause',
    inputs: [pauseImage, data, ...(await readImageCode())],
    progress,
    async build(dir) {
      const layer = await writeLayer(
        join(dir, 'layer.tar'),
        buildTar([{ type: 'file', path: 'pause', mode: 0o755, data }]),
      );
      const config = { Entrypoint: ['/pause'], User: '65535:65535' };
      await writeImage(
        join(dir, 'image.tar'),
        buildManifest([layer], config, () => pauseImage),
        [layer],
      );
    },
  });
  return join(entry, 'image.tar');
}
