import { nodePath, programPath } from './layout.ts';
import type { NodeSpace } from './nodeSpace.ts';

/** containerd's client, as the node calls it; Kubernetes keeps its images in this namespace. */
export const ctr = [programPath('containerd', 'ctr'), '--address', nodePath.containerdSocket, '--namespace', 'k8s.io'];

/**
 * Makes the images of an OCI archive known to the node, under the names that stand in it. The archive goes in by standard
 * input: the node has a /run and a /var/lib of its own, where the host's path may lead nowhere.
 */
export async function importImages(run: NodeSpace['run'], tarPath: string): Promise<void> {
  await run([...ctr, 'images', 'import', '--local', '-'], { stdinPath: tarPath });
}
