import type { ApiServers } from '#kube/testing/apiServers.ts';
import { buildConfig, type ClusterRow, parts, refused, seen } from './row.ts';

export function podRows(servers: ApiServers): ClusterRow[] {
  const { b } = parts(servers);
  const pod = { token: 'of-pod\n', 'ca.crt': servers.ca.certPem, namespace: 'team\n' };
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(servers.ports.a) };
  const asPod = seen('a', { authorization: 'Bearer of-pod' });
  return [
    { name: 'in a pod its ServiceAccount counts without a kubeconfig', pod, env, expected: asPod },
    {
      name: 'in a pod a kubeconfig counts first',
      files: { '.kube/config': buildConfig({ cluster: b }) },
      pod,
      env,
      expected: seen('b'),
    },
    {
      name: 'in a pod a kubeconfig counts first, whatever the variables of the pod say',
      files: { '.kube/config': buildConfig({ cluster: b }) },
      pod,
      env: { ...env, KUBERNETES_SERVICE_PORT: 'tcp://10.0.0.1:443' },
      expected: seen('b'),
    },
    {
      name: 'in a pod KUBERNETES_SERVICE_PORT is a number',
      pod,
      env: { ...env, KUBERNETES_SERVICE_PORT: 'tcp://10.0.0.1:443' },
      expected: refused(/are not a host and a port/),
    },
    {
      name: 'in a pod its ServiceAccount counts for a kubeconfig without a current context',
      files: { '.kube/config': buildConfig({ cluster: b, current: '' }) },
      pod,
      env,
      expected: asPod,
    },
    {
      name: 'in a pod its ServiceAccount counts for a context whose cluster does not exist',
      files: { '.kube/config': buildConfig({ cluster: b, context: { cluster: 'gone' } }) },
      pod,
      env,
      expected: asPod,
    },
    {
      name: 'in a pod its ServiceAccount counts for a cluster at http://localhost:8080',
      files: { '.kube/config': buildConfig({ cluster: { server: 'http://localhost:8080' } }) },
      pod,
      env,
      expected: asPod,
    },
    {
      name: 'in a pod a context that is named must exist',
      pod,
      env,
      context: 'x',
      expected: refused(/no context "x"/),
    },
    {
      name: 'in a pod an unreadable kubeconfig is an error',
      files: { '.kube/config': '[]' },
      pod,
      env,
      expected: refused(/cannot be read/),
    },
    {
      name: 'a pod without a token does not count as a pod',
      pod: { 'ca.crt': servers.ca.certPem },
      env,
      expected: refused(/there is no kubeconfig/),
    },
    {
      name: 'a pod without a certificate authority trusts those of the machine',
      pod: { token: 'of-pod' },
      env,
      expected: refused(/certificate/),
    },
    {
      name: 'in a pod HTTPS_PROXY counts, too',
      pod,
      env: {
        ...env,
        KUBERNETES_SERVICE_HOST: servers.name,
        KUBERNETES_SERVICE_PORT: '6443',
        HTTPS_PROXY: servers.urls.http,
      },
      expected: { ...seen('a', { authorization: 'Bearer of-pod', sni: servers.name }), proxies: ['http'] },
    },
    { name: 'outside of a pod a ServiceAccount is ignored', pod, expected: refused(/there is no kubeconfig/) },
  ];
}
