import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedBuild } from '#lab/cache.ts';
import type { Progress } from '#lab/progress.ts';
import { buildManifest, type ImageConfig, readImageCode, writeImage, writeLayer } from './oci.ts';
import { buildTar } from './tar.ts';

export interface ProgramImage {
  /** Name of the build in the cache. */
  readonly name: string;
  /** Reference of the image, tag included. */
  readonly ref: string;
  /**
   * Path of each program in the cache, by its path in the image without a leading slash. The name of the folder in
   * the cache identifies the inputs of the program.
   */
  readonly programs: Readonly<Record<string, string>>;
  readonly config: ImageConfig;
}

/** Builds an image that holds only static programs. Returns the path of its archive. */
export async function buildProgramImage(
  { name, ref, programs, config }: ProgramImage,
  { progress }: { readonly progress: Progress },
): Promise<string> {
  const entry = await cachedBuild({
    name,
    inputs: [JSON.stringify({ ref, programs, config }), ...(await readImageCode())],
    progress,
    async build(dir) {
      const files = Object.entries(programs).map(async ([path, program]) => {
        return { type: 'file', path, mode: 0o755, data: await readFile(program) } as const;
      });
      const layer = await writeLayer(join(dir, 'layer.tar'), buildTar(await Promise.all(files)));
      await writeImage(
        join(dir, 'image.tar'),
        buildManifest([layer], config, () => ref),
        [layer],
      );
    },
  });
  return join(entry, 'image.tar');
}
