/**
 * Addresses and paths of the one-node cluster. Everything here is fixed: one node fits a machine, and a machine-wide
 * lock ensures that. The node has its own network namespace:
 *
 * 1. The device pair `spnode0` (host, 10.188.0.1) and `spnode1` (node, 10.188.0.2) connects host and node.
 * 2. Pods have addresses from 10.244.0.2 on the bridge `spbridge` of the node. Node and DNS have 10.244.0.1.
 * 3. The host sends packets for pods (10.244.0.0/24) and Services (10.96.0.0/16) to 10.188.0.2.
 * 4. Node and pods reach Kafka and PostgreSQL at 10.188.1.1, on the host's device `lo`, through 10.188.0.1.
 */
export const address = {
  /**
   * Address on the host's loopback device. Kafka and PostgreSQL listen here, and pods of a new node reach them too.
   */
  hostForPods: '10.188.1.1',
  /** The host's end of the veth pair. It is removed with the node. */
  hostLink: '10.188.0.1',
  nodeLink: '10.188.0.2',
  linkPrefix: 30,
  /** Address on the pods' bridge: of the node, of the API server inside the cluster, and of DNS. */
  node: '10.244.0.1',
  podNetwork: '10.244.0.0/24',
  clusterNetwork: '10.244.0.0/16',
  serviceNetwork: '10.96.0.0/16',
  /** Address of the Service `kubernetes`: Kubernetes gives it the first address of `serviceNetwork`. */
  kubernetesService: '10.96.0.1',
} as const;

export const device = { hostLink: 'spnode0', nodeLink: 'spnode1', bridge: 'spbridge' } as const;

export const nodeName = 'sumpipeline';

export const clusterDomain = 'cluster.local';

/** URL of the API server on the host. Inside the cluster its URL is also https://kubernetes.default.svc. */
export const apiServerUrl = `https://${address.nodeLink}:6443`;

/** Control group of the node's pods. It separates these pods from the pods of other kubelets on the machine. */
export const cgroup = 'sumpipeline';

/**
 * Paths inside the node. The node's /var/lib and /var/log are folders of the state folder, and its /run is an empty
 * tmpfs. So programs keep their usual paths, and the host's folders stay untouched.
 */
export const nodePath = {
  /** Configuration, certificates and programs, made by us before the node starts. */
  etc: '/var/lib/node',
  containerdSocket: '/run/containerd/containerd.sock',
} as const;

/** Returns the path of a Go module's program inside the node. */
export function programPath(module: string, program: string): string {
  return `${nodePath.etc}/bin/${module}/${program}`;
}
