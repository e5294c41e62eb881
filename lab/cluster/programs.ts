import { address, clusterDomain, nodeName, nodePath, programPath } from './layout.ts';

/** One program of the node. */
export interface NodeProgram {
  readonly name: string;
  /** Command and flags, with paths inside the node. */
  readonly command: readonly string[];
  /** URL that returns status 200 when the program is up. It is plain HTTP, and the host can reach it. */
  readonly healthUrl?: string;
}

const pki = `${nodePath.etc}/pki`;

export const etcd: NodeProgram = {
  name: 'etcd',
  command: [
    programPath('etcd', 'etcd'),
    '--name=node',
    '--data-dir=/var/lib/etcd',
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=node=http://127.0.0.1:2380',
    `--listen-metrics-urls=http://${address.nodeLink}:2381`,
    '--unsafe-no-fsync', // a cluster that ends uncleanly is built again
    '--log-level=warn',
  ],
  healthUrl: `http://${address.nodeLink}:2381/health`,
};

export const containerd: NodeProgram = {
  name: 'containerd',
  command: [programPath('containerd', 'containerd'), `--config=${nodePath.etc}/containerd.toml`],
};

export const apiServer: NodeProgram = {
  name: 'kube-apiserver',
  command: [
    programPath('kubernetes', 'kube-apiserver'),
    '--etcd-servers=http://127.0.0.1:2379',
    '--bind-address=0.0.0.0',
    `--advertise-address=${address.node}`,
    '--secure-port=6443',
    `--service-cluster-ip-range=${address.serviceNetwork}`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--client-ca-file=${pki}/ca.crt`,
    `--kubelet-client-certificate=${pki}/apiserver-kubelet.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-issuer=https://kubernetes.default.svc.${clusterDomain}`,
    `--service-account-key-file=${pki}/tokens.pub`,
    `--service-account-signing-key-file=${pki}/tokens.key`,
    `--requestheader-client-ca-file=${pki}/front-proxy-ca.crt`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki}/front-proxy-client.crt`,
    `--proxy-client-key-file=${pki}/front-proxy-client.key`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--endpoint-reconciler-type=lease',
    '--shutdown-delay-duration=0s',
  ],
};

export const controllerManager: NodeProgram = {
  name: 'kube-controller-manager',
  command: [
    programPath('kubernetes', 'kube-controller-manager'),
    `--kubeconfig=${pki}/controller-manager.kubeconfig`,
    `--authentication-kubeconfig=${pki}/controller-manager.kubeconfig`,
    `--authorization-kubeconfig=${pki}/controller-manager.kubeconfig`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki}/tokens.key`,
    `--root-ca-file=${pki}/ca.crt`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    '--allocate-node-cidrs=false', // the bridge plugin reads its range from its own configuration
    // The defaults (20, 30) throttle the controllers visibly when a namespace with many objects is deleted.
    '--kube-api-qps=300',
    '--kube-api-burst=600',
    // Make autoscaling fast enough to watch. The defaults are 15 s and 5 min.
    '--horizontal-pod-autoscaler-sync-period=2s',
    '--horizontal-pod-autoscaler-downscale-stabilization=5s',
    '--node-monitor-period=2s',
  ],
};

export const scheduler: NodeProgram = {
  name: 'kube-scheduler',
  command: [
    programPath('kubernetes', 'kube-scheduler'),
    `--kubeconfig=${pki}/scheduler.kubeconfig`,
    `--authentication-kubeconfig=${pki}/scheduler.kubeconfig`,
    `--authorization-kubeconfig=${pki}/scheduler.kubeconfig`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ],
};

export const kubelet: NodeProgram = {
  name: 'kubelet',
  command: [
    programPath('kubernetes', 'kubelet'),
    `--config=${nodePath.etc}/kubelet.yaml`,
    `--kubeconfig=${pki}/kubelet.kubeconfig`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${address.node}`,
  ],
};

export const proxy: NodeProgram = {
  name: 'kube-proxy',
  command: [programPath('kubernetes', 'kube-proxy'), `--config=${nodePath.etc}/proxy.yaml`],
  healthUrl: `http://${address.node}:10256/healthz`,
};

export const coredns: NodeProgram = {
  name: 'coredns',
  command: [programPath('coredns', 'coredns'), '-conf', `${nodePath.etc}/Corefile`],
  healthUrl: `http://${address.node}:8189/ready`,
};
