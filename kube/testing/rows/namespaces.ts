import type { ApiServers } from '#kube/testing/apiServers.ts';
import { buildConfig, type ClusterRow } from './row.ts';

/** A ClusterRow with the namespace that our client and kubectl use. */
export type NamespaceRow = Omit<ClusterRow, 'expected'> & { readonly namespace: string };

export function buildNamespaceRows(servers: ApiServers): NamespaceRow[] {
  const cluster = { server: servers.urls.plain };
  const config = (context: object) => ({ '.kube/config': buildConfig({ cluster, context }) });
  const pod = { token: 'of-pod', 'ca.crt': servers.ca.certPem, namespace: 'of-pod\n' };
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(servers.ports.a) };
  return [
    { name: 'that of the context', files: config({ namespace: 'team' }), namespace: 'team' },
    {
      name: 'in a pod that of a context whose cluster does not exist',
      files: config({ cluster: 'gone', namespace: 'team' }),
      pod,
      env,
      namespace: 'team',
    },
    { name: 'default without one', files: config({}), namespace: 'default' },
    { name: 'default for an empty one', files: config({ namespace: '' }), namespace: 'default' },
    { name: 'in a pod that of the ServiceAccount', pod, env, namespace: 'of-pod' },
    { name: 'in a pod that of POD_NAMESPACE first', pod, env: { ...env, POD_NAMESPACE: 'named' }, namespace: 'named' },
    {
      name: 'in a pod without a file of it default',
      pod: { token: pod.token, 'ca.crt': servers.ca.certPem },
      env,
      namespace: 'default',
    },
    {
      name: 'in a pod that of the pod for a context without one',
      files: config({}),
      pod,
      env,
      namespace: 'of-pod',
    },
    {
      name: 'in a pod that of a context with one',
      files: config({ namespace: 'default' }),
      pod,
      env,
      namespace: 'default',
    },
    {
      name: 'POD_NAMESPACE means nothing outside of a pod',
      files: config({}),
      env: { POD_NAMESPACE: 'named' },
      namespace: 'default',
    },
  ];
}
