import { stringify } from 'yaml';
import { pauseImage } from '#lab/image/pause.ts';
import { address, cgroup, clusterDomain, device, nodeName, nodePath, programPath } from './layout.ts';

/**
 * Builds the configuration files of the node's programs. Returns the text of each file by its path below
 * `nodePath.etc`.
 */
export function buildNodeConfig(): Record<string, string> {
  return {
    'containerd.toml': containerdConfig(),
    'cni/10-sumpipeline.conflist': JSON.stringify(cniConfig, null, 2),
    'kubelet.yaml': stringify(kubeletConfig),
    'proxy.yaml': stringify(proxyConfig),
    Corefile: corefile,
    // Empty, because there is no other name server: names outside the cluster do not resolve.
    'resolv.conf': '',
  };
}

/** The RBAC rights of CoreDNS, which runs beside the pods with its own certificate. */
export const corednsRbac = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:coredns' },
    rules: [
      { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'system:coredns' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
    subjects: [{ kind: 'User', name: 'system:coredns', apiGroup: 'rbac.authorization.k8s.io' }],
  },
];

const pki = `${nodePath.etc}/pki`;

/**
 * Snapshotters of containerd that we disable, because our images are in a plain directory. If they were enabled,
 * containerd would look for them at its start and print lines about them.
 */
const unusedSnapshotters = ['btrfs', 'zfs', 'devmapper', 'blockfile', 'erofs'];

function containerdConfig(): string {
  const disabled = unusedSnapshotters.map((name) => `"io.containerd.snapshotter.v1.${name}"`).join(', ');
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [${disabled}]
[grpc]
  address = "${nodePath.containerdSocket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE, as in most virtual machines for builds, the kernel refuses a lower score.
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${nodePath.etc}/bin/cni"]
  conf_dir = "${nodePath.etc}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    BinaryName = "${programPath('runc', 'runc')}"
    SystemdCgroup = false
`;
}

const cniConfig = {
  cniVersion: '1.0.0',
  name: 'sumpipeline',
  plugins: [
    {
      type: 'bridge',
      bridge: device.bridge,
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: address.podNetwork }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

const kubeletConfig = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: address.node,
  port: 10250,
  readOnlyPort: 0,
  healthzBindAddress: '127.0.0.1',
  tlsCertFile: `${pki}/kubelet-server.crt`,
  tlsPrivateKeyFile: `${pki}/kubelet-server.key`,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: `${pki}/ca.crt` },
  },
  authorization: { mode: 'Webhook' },
  containerRuntimeEndpoint: `unix://${nodePath.containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroup}`,
  failCgroupV1: false,
  failSwapOn: false,
  oomScoreAdj: 0,
  clusterDNS: [address.node],
  clusterDomain,
  resolvConf: `${nodePath.etc}/resolv.conf`,
  // The disk belongs to the developer: a full disk must not evict pods or delete the images we loaded.
  evictionHard: {
    'memory.available': '0%',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'imagefs.available': '0%',
    'imagefs.inodesFree': '0%',
  },
  imageGCHighThresholdPercent: 100,
  imageMaximumGCAge: '0s',
  serializeImagePulls: false,
  nodeStatusUpdateFrequency: '2s',
  syncFrequency: '10s',
};

const proxyConfig = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  clusterCIDR: address.clusterNetwork,
  oomScoreAdj: 0,
  hostnameOverride: nodeName,
  bindAddress: address.node,
  healthzBindAddress: `${address.node}:10256`,
  metricsBindAddress: '127.0.0.1:10249',
  clientConnection: { kubeconfig: `${pki}/proxy.kubeconfig` },
  // Zero leaves the kernel's limits unchanged: they apply to the whole machine.
  conntrack: { maxPerCore: 0, min: 0 },
  nodePortAddresses: [`${address.node}/32`, '127.0.0.0/8'],
};

/**
 * Configuration of CoreDNS. The last zone is the root zone: it says that a name outside the cluster does not exist.
 * Without this zone CoreDNS refuses the name. Clients then see a temporary failure (EAI_AGAIN) and retry, although a
 * mistyped name should fail immediately.
 */
const corefile = `.:53 {
  bind ${address.node}
  errors
  health 127.0.0.1:8089
  ready ${address.node}:8189
  kubernetes ${clusterDomain} in-addr.arpa ip6.arpa . {
    kubeconfig ${pki}/coredns.kubeconfig sumpipeline
    pods insecure
    ttl 2
  }
}
`;
