import { join } from 'node:path';
import { buildPause } from '#lab/cluster/binaries.ts';
import type { Progress } from '#lab/progress.ts';
import { buildProgramImage } from './programImage.ts';

/** The reference under which containerd looks for the container that holds a pod's namespaces. */
export const pauseImage = 'localhost/pause:1';

/** Builds the image of the pause container. Returns the path of its archive. */
export async function buildPauseImage({ progress }: { progress: Progress }): Promise<string> {
  const folder = await buildPause({ progress });
  const programs = { pause: join(folder, 'pause') };
  const config = { Entrypoint: ['/pause'], User: '65535:65535' };
  return await buildProgramImage({ name: 'image-pause', ref: pauseImage, programs, config }, { progress });
}
