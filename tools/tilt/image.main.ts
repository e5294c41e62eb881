/** What Tilt runs for the image of the local cluster (`custom_build` in tilt/image.tilt): builds it and hands it to the node. */
import { findNode } from '#tools/cluster/cluster.ts';
import { importImages } from '#tools/cluster/images.ts';
import { runInNode } from '#tools/cluster/nodeSpace.ts';
import { buildImage } from '#tools/image/image.ts';
import { createProgress } from '#tools/progress.ts';

const ref = process.env['EXPECTED_REF'];
if (ref === undefined) throw new Error('EXPECTED_REF is not set. Tilt sets it: run npm run tilt.');
const node = await findNode();
if (node === undefined) throw new Error('No node runs on this machine. Start one: npm run tilt');
const { tarPath } = await buildImage({ ref, progress: createProgress() });
await importImages(runInNode(node.initPid), tarPath);
