import { stringify } from 'yaml';
import type { Certificate } from '#lab/certificates/pki.ts';

export interface KubeconfigRequest {
  /** URL of the API server, such as https://127.0.0.1:6443. */
  readonly server: string;
  readonly caPem: string;
  /** Our credentials for the API server. */
  readonly credentials: Certificate | { readonly token: string };
  /** Name of cluster, user and context. Default `sumpipeline`. */
  readonly name?: string;
}

/** Builds a kubeconfig as YAML. It has no paths, so it may be moved and mounted. */
export function buildKubeconfig({ server, caPem, credentials, name = 'sumpipeline' }: KubeconfigRequest): string {
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': toBase64(credentials.certPem),
          'client-key-data': toBase64(credentials.keyPem),
        };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': toBase64(caPem) } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
