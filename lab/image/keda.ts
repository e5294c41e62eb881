import { join } from 'node:path';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import type { Progress } from '#lab/progress.ts';
import { buildProgramImage } from './programImage.ts';

/** Reference of the image with both programs of KEDA, under the names that KEDA's manifests use. */
export const kedaImage = 'localhost/keda:1';

/** Builds the image of KEDA. Returns the path of its archive. The first build takes about 5 minutes on two cores. */
export async function buildKedaImage({ progress }: { progress: Progress }): Promise<string> {
  const folder = await buildGoModule('keda', { progress });
  const programs = { keda: join(folder, 'operator'), 'keda-adapter': join(folder, 'adapter') };
  // The user of distroless' `nonroot`, the base of KEDA's own images.
  const config = { Entrypoint: ['/keda'], User: '65532:65532' };
  return await buildProgramImage({ name: 'image-keda', ref: kedaImage, programs, config }, { progress });
}
