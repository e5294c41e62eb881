/** Builds the image of the local cluster and loads it. Tilt runs this file (`custom_build` in tilt/image.tilt). */
import { findNode } from '#lab/cluster/cluster.ts';
import { importImages } from '#lab/cluster/images.ts';
import { runInNode } from '#lab/cluster/nodeSpace.ts';
import { buildImage } from '#lab/image/image.ts';
import { createProgress } from '#lab/progress.ts';

const ref = process.env['EXPECTED_REF'];
if (ref === undefined) throw new Error('EXPECTED_REF is not set. Tilt sets this variable: run npm run tilt.');
const node = await findNode();
if (node === undefined) throw new Error('No node runs on this machine. Start one: npm run tilt');
const { tarPath } = await buildImage({ ref, progress: createProgress() });
await importImages(runInNode(node.initPid), tarPath);
