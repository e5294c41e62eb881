import { nodePath, programPath } from './layout.ts';
import type { NodeSpace } from './nodeSpace.ts';

/** Command of containerd's client in the node, with the containerd namespace in which Kubernetes keeps images. */
export const ctr = [programPath('containerd', 'ctr'), '--address', nodePath.containerdSocket, '--namespace', 'k8s.io'];

/**
 * Imports the images of an OCI archive into the node, under the names in the archive. Sends the archive to standard
 * input, because the host's path may not exist in the node: it has its own /run and /var/lib.
 */
export async function importImages(run: NodeSpace['run'], tarPath: string): Promise<void> {
  await run([...ctr, 'images', 'import', '--local', '-'], { stdinPath: tarPath });
}
