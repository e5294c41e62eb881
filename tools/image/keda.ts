import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedBuild } from '#tools/cache.ts';
import { buildGoModule } from '#tools/cluster/binaries.ts';
import type { Progress } from '#tools/progress.ts';
import { buildManifest, readImageCode, writeImage, writeLayer } from './oci.ts';
import { buildTar } from './tar.ts';

/** Holds both programs of KEDA, under the names that its own images use. */
export const kedaImage = 'localhost/keda:1';

/** Program of the Go module -> its path in the image, as KEDA's manifests call it. */
const programs = { operator: 'keda', adapter: 'keda-adapter' } as const;
/** Of distroless' `nonroot`, which KEDA's own images build on. */
const user = '65532:65532';

/** Builds the image of KEDA; answers the path of its archive. The first build takes about 5 minutes of both cores. */
export async function buildKedaImage({ progress }: { progress: Progress }): Promise<string> {
  const folder = await buildGoModule('keda', { progress });
  const entry = await cachedBuild({
    name: 'image-keda',
    // The folder's name is the hash of what it was built from.
    inputs: [kedaImage, folder, ...Object.values(programs), user, ...(await readImageCode())],
    progress,
    async build(dir) {
      const files = Object.entries(programs).map(async ([program, path]) => {
        return { type: 'file', path, mode: 0o755, data: await readFile(join(folder, program)) } as const;
      });
      const layer = await writeLayer(join(dir, 'layer.tar'), buildTar(await Promise.all(files)));
      await writeImage(
        join(dir, 'image.tar'),
        buildManifest([layer], { Entrypoint: [`/${programs.operator}`], User: user }, () => kedaImage),
        [layer],
      );
    },
  });
  return join(entry, 'image.tar');
}
