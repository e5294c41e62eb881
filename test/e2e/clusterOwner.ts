/** Runs a cluster in a separate process, which a test may kill: `clusterOwner.ts [image archive...]`. */
import { startCluster } from '#lab/cluster/cluster.ts';
import { createProgress } from '#lab/progress.ts';

const cluster = await startCluster({ progress: createProgress(), what: 'the end-to-end test of the cluster' });
for (const archive of process.argv.slice(2)) await cluster.loadImage(archive);
const { kubeconfigPath, kubectlPath, hostAddress } = cluster;
console.log(JSON.stringify({ kubeconfigPath, kubectlPath, hostAddress }));
process.once('SIGTERM', () => {
  void cluster.stop();
});
