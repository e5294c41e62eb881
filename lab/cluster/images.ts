import { nodePath, programPath } from './layout.ts';
import type { NodeSpace } from './nodeSpace.ts';

/** containerd's client, run in the node. Kubernetes keeps its images in this containerd namespace. */
export const ctr = [programPath('containerd', 'ctr'), '--address', nodePath.containerdSocket, '--namespace', 'k8s.io'];

/**
 * Imports the images of an OCI archive into the node, under the names in the archive. The archive is sent to standard
 * input: the node has its own /run and /var/lib, so the host's path may not exist there.
 */
export async function importImages(run: NodeSpace['run'], tarPath: string): Promise<void> {
  await run([...ctr, 'images', 'import', '--local', '-'], { stdinPath: tarPath });
}
