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
    { name: 'a context has a namespace', files: config({ namespace: 'team' }), namespace: 'team' },
    {
      name: 'in a pod, the namespace of a context is used even if its cluster does not exist',
      files: config({ cluster: 'gone', namespace: 'team' }),
      pod,
      env,
      namespace: 'team',
    },
    { name: 'a context without a namespace means `default`', files: config({}), namespace: 'default' },
    { name: 'an empty namespace means `default`', files: config({ namespace: '' }), namespace: 'default' },
    { name: 'in a pod, the namespace of the ServiceAccount is used', pod, env, namespace: 'of-pod' },
    { name: 'in a pod, POD_NAMESPACE comes first', pod, env: { ...env, POD_NAMESPACE: 'named' }, namespace: 'named' },
    {
      name: 'in a pod without a file with the namespace, `default` is used',
      pod: { token: pod.token, 'ca.crt': servers.ca.certPem },
      env,
      namespace: 'default',
    },
    {
      name: 'in a pod, a context without a namespace means the namespace of the pod',
      files: config({}),
      pod,
      env,
      namespace: 'of-pod',
    },
    {
      name: 'in a pod, the namespace of a context comes before the namespace of the pod',
      files: config({ namespace: 'default' }),
      pod,
      env,
      namespace: 'default',
    },
    {
      name: 'POD_NAMESPACE is ignored outside of a pod',
      files: config({}),
      env: { POD_NAMESPACE: 'named' },
      namespace: 'default',
    },
  ];
}
