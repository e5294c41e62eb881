import type { ApiServers } from '#kube/testing/apiServers.ts';
import { anonymous, buildConfig, type ClusterRow, mine, parts, refused, seen } from './row.ts';

export function contextRows(servers: ApiServers): ClusterRow[] {
  const { a, b } = parts(servers);
  const both = {
    clusters: [
      { name: 'c', cluster: a },
      { name: 'd', cluster: b },
    ],
    users: [{ name: 'u', user: mine }],
    contexts: [
      { name: 'x', context: { cluster: 'c', user: 'u' } },
      { name: 'y', context: { cluster: 'd', user: 'u' } },
      { name: 'lost', context: { cluster: 'gone', user: 'u' } },
      { name: 'unknown-user', context: { cluster: 'c', user: 'gone' } },
    ],
    'current-context': 'x',
  };
  const files = { '.kube/config': both };
  const config = (more: object) => ({ '.kube/config': { ...both, ...more } });
  return [
    { name: 'the current context counts', files, expected: seen('a') },
    { name: '--context chooses another', files, context: 'y', expected: seen('b') },
    { name: '--context must exist', files, context: 'z', expected: refused(/no context "z"/) },
    {
      name: 'the current context must exist',
      files: config({ 'current-context': 'old' }),
      expected: refused(/no context "old", but its current-context is "old"/),
    },
    {
      name: 'a user that is not in the kubeconfig counts as a user without credentials',
      files,
      context: 'unknown-user',
      expected: anonymous('a'),
      // kubectl asks for a user name and a password.
      kubectl: refused(/EOF/),
    },
    {
      name: 'a cluster that does not exist is an error',
      files,
      context: 'lost',
      expected: refused(/cluster "gone", which is not in the kubeconfig/),
    },
    {
      name: 'without a current context there is no cluster',
      files: config({ 'current-context': '' }),
      expected: refused(/no current context/),
    },
    {
      name: 'a cluster without a server is an error',
      files: { '.kube/config': buildConfig({ cluster: {} }) },
      expected: refused(/has no server/),
    },
    { name: 'without any file there is no cluster', expected: refused(/there is no kubeconfig/) },
    {
      name: 'KUBERNETES_MASTER is the server if the kubeconfig names no server',
      env: { KUBERNETES_MASTER: servers.urls.plain },
      expected: seen('plain'),
    },
  ];
}

export function serverRows(servers: ApiServers): ClusterRow[] {
  const { a, trusted, plain, certificate } = parts(servers);
  const basic = `Basic ${Buffer.from('jane:pa ss').toString('base64')}`;
  const to = (server: string, user: object = mine) => ({
    '.kube/config': buildConfig({ cluster: { ...trusted, server }, user }),
  });
  const address = `127.0.0.1:${servers.ports.plain}`;
  return [
    {
      name: 'a path of the server comes before every other, and its query is dropped',
      files: to(`${a.server}/clusters/one?x=1#y`),
      expected: seen('a', { path: '/clusters/one/version' }),
    },
    { name: 'a slash at the end changes nothing', files: to(`${a.server}/`), expected: seen('a') },
    { name: 'a server without a scheme is http', files: to(address), expected: seen('plain') },
    {
      name: 'a server without a scheme has no path',
      files: to(`${address}/path`),
      expected: refused(/is not a URL/),
    },
    { name: 'another scheme is an error', files: to(`ftp://${address}`), expected: refused(/is not a URL/) },
    {
      name: 'no token and no password goes to a plain http server, but impersonation does',
      files: { '.kube/config': buildConfig({ cluster: plain, user: { token: 'secret', as: 'jane' } }) },
      expected: seen('plain', { impersonate: ['impersonate-user: jane'] }),
    },
    {
      name: 'a user in the URL is a password, also for a plain http server',
      files: to(`http://jane:pa%20ss@${address}`),
      expected: seen('plain', { authorization: basic }),
    },
    {
      name: 'a user in the URL goes together with a client certificate',
      files: to(a.server.replace('https://', 'https://jane:pa%20ss@'), certificate),
      expected: seen('a', { authorization: basic, certificate: 'jane' }),
    },
    {
      name: 'a user in the URL wins over a token',
      files: to(a.server.replace('https://', 'https://jane:pa%20ss@'), { token: 'mine' }),
      expected: seen('a', { authorization: basic }),
    },
  ];
}
