import { generateKeyPairSync } from 'node:crypto';
import { type Certificate, createCa } from '#lab/certificates/pki.ts';
import { buildKubeconfig } from './kubeconfig.ts';
import { address, apiServerUrl, clusterDomain, nodeName } from './layout.ts';

export interface ClusterCertificates {
  readonly caPem: string;
  readonly admin: Certificate;
  /** Text of each file, by its path below `nodePath.etc`. */
  readonly files: Readonly<Record<string, string>>;
}

/** User and groups of each client of the API server inside the node, by the name of the file for its certificate. */
const clients = {
  'controller-manager': { commonName: 'system:kube-controller-manager' },
  scheduler: { commonName: 'system:kube-scheduler' },
  kubelet: { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] },
  proxy: { commonName: 'system:kube-proxy' },
  coredns: { commonName: 'system:coredns' },
} as const;

/** Makes every key and certificate of a new cluster, with the kubeconfigs of its programs. */
export async function createClusterCertificates(): Promise<ClusterCertificates> {
  const ca = await createCa('sumpipeline-cluster');
  const frontProxyCa = await createCa('sumpipeline-front-proxy');
  const apiServer = await ca.issue({
    commonName: 'kube-apiserver',
    altNames: [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${clusterDomain}`,
      '127.0.0.1',
      address.node,
      address.nodeLink,
      address.kubernetesService,
    ],
    usages: ['server'],
  });
  const pairs = {
    apiserver: apiServer,
    'apiserver-kubelet': await ca.issue({
      commonName: 'apiserver-kubelet-client',
      organizations: ['system:masters'],
      usages: ['client'],
    }),
    'front-proxy-client': await frontProxyCa.issue({ commonName: 'front-proxy-client', usages: ['client'] }),
    'kubelet-server': await ca.issue({
      commonName: nodeName,
      altNames: [nodeName, address.node, '127.0.0.1'],
      usages: ['server'],
    }),
    ca,
  };
  const tokens = createTokenKeys();
  const files: Record<string, string> = {
    'pki/front-proxy-ca.crt': frontProxyCa.certPem,
    'pki/tokens.key': tokens.privateKey,
    'pki/tokens.pub': tokens.publicKey,
  };
  for (const [name, { certPem, keyPem }] of Object.entries(pairs)) {
    files[`pki/${name}.crt`] = certPem;
    files[`pki/${name}.key`] = keyPem;
  }
  for (const [name, subject] of Object.entries(clients)) {
    const credentials = await ca.issue({ ...subject, usages: ['client'] });
    files[`pki/${name}.kubeconfig`] = buildKubeconfig({
      server: 'https://127.0.0.1:6443',
      caPem: ca.certPem,
      credentials,
    });
  }
  const admin = await ca.issue({ commonName: 'admin', organizations: ['system:masters'], usages: ['client'] });
  return { caPem: ca.certPem, admin, files };
}

/** Builds the kubeconfig of a cluster admin, for use on the host. */
export function buildAdminKubeconfig({ caPem, admin }: ClusterCertificates): string {
  return buildKubeconfig({ server: apiServerUrl, caPem, credentials: admin });
}

/** Makes the key pair that signs and checks ServiceAccount tokens. */
export function createTokenKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  });
}
