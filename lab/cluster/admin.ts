import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64').toString('utf8'));
const kubeconfigSchema = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ server: z.string(), 'certificate-authority-data': base64 }) })]),
  users: z.tuple([z.object({ user: z.object({ 'client-certificate-data': base64, 'client-key-data': base64 }) })]),
});

/** How to connect to an API server whose kubeconfig we wrote ourselves (`buildKubeconfig`). */
export interface Admin {
  readonly url: string;
  readonly caPem: string;
  readonly credentials: { readonly certPem: string; readonly keyPem: string };
}

export async function readAdmin(kubeconfigPath: string): Promise<Admin> {
  const { clusters, users } = kubeconfigSchema.parse(parse(await readFile(kubeconfigPath, 'utf8')));
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  return {
    url: cluster.server,
    caPem: cluster['certificate-authority-data'],
    credentials: { certPem: user['client-certificate-data'], keyPem: user['client-key-data'] },
  };
}
