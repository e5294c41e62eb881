import type { ApiServers } from '#kube/testing/apiServers.ts';
import { anonymous, buildConfig, type ClusterRow, parts, refused, seen } from './row.ts';

export function mergeRows(servers: ApiServers): ClusterRow[] {
  const { a, b } = parts(servers);
  const env = { KUBECONFIG: '~/one:~/two:~/three' };
  return [
    {
      name: 'the first file that names a cluster wins',
      files: { one: buildConfig({ cluster: a }), two: buildConfig({ cluster: b }) },
      env,
      expected: seen('a'),
    },
    {
      name: 'the first file that names a user wins, and nothing of the other is mixed in',
      files: {
        one: buildConfig({ cluster: a, user: { token: 'one' } }),
        two: buildConfig({ cluster: a, user: { as: 'jane', username: 'x' } }),
      },
      env,
      expected: seen('a', { authorization: 'Bearer one' }),
    },
    {
      name: 'the first file that names a context wins',
      files: {
        one: { contexts: [{ name: 'x', context: { cluster: 'second', user: 'u' } }] },
        two: buildConfig({ cluster: a }),
        three: { clusters: [{ name: 'second', cluster: b }] },
      },
      env,
      expected: seen('b'),
    },
    {
      name: 'the first file with a current context wins',
      files: {
        one: buildConfig({ cluster: a, current: '' }),
        two: {
          clusters: [{ name: 'second', cluster: b }],
          contexts: [{ name: 'y', context: { cluster: 'second', user: 'u' } }],
          'current-context': 'y',
        },
        three: { 'current-context': 'x' },
      },
      env,
      expected: seen('b'),
    },
    {
      name: 'cluster, user and context may come from different files',
      files: {
        one: { users: [{ name: 'u', user: { token: 'mine' } }] },
        two: { contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }], 'current-context': 'x' },
        three: { clusters: [{ name: 'c', cluster: a }] },
      },
      env,
      expected: seen('a', { authorization: 'Bearer mine' }),
    },
  ];
}

export function pathRows(servers: ApiServers): ClusterRow[] {
  const { a, certificate } = parts(servers);
  const { server } = a;
  const caPem = servers.ca.certPem;
  return [
    {
      name: 'a relative certificate authority starts at the folder of its file',
      files: {
        'sub/one': buildConfig({ cluster: { server, 'certificate-authority': 'pki/ca.crt' } }),
        'sub/pki/ca.crt': caPem,
      },
      env: { KUBECONFIG: '~/sub/one' },
      expected: seen('a'),
    },
    {
      name: 'relative paths start at the folder of each file, not of the first',
      files: {
        one: { 'current-context': 'x' },
        'sub/two': buildConfig({
          cluster: { server, 'certificate-authority': '../ca.crt' },
          user: { tokenFile: 'token' },
        }),
        'ca.crt': caPem,
        'sub/token': 'from-file',
      },
      env: { KUBECONFIG: 'one:sub/two' },
      expected: seen('a', { authorization: 'Bearer from-file' }),
    },
    {
      name: 'a relative client certificate and key start at the folder of their file',
      files: {
        'sub/one': buildConfig({ cluster: a, user: { 'client-certificate': 'jane.crt', 'client-key': './jane.key' } }),
        'sub/jane.crt': servers.client.certPem,
        'sub/jane.key': servers.client.keyPem,
      },
      env: { KUBECONFIG: '~/sub/one' },
      expected: anonymous('a', { certificate: 'jane' }),
    },
    {
      name: 'a file that is a link starts its paths at the folder of the link',
      files: {
        'real/config': buildConfig({ cluster: a, user: { tokenFile: 'token' } }),
        'real/token': 'of-the-target',
        '.kube/token': 'of-the-link',
      },
      links: { '.kube/config': '~/real/config' },
      expected: seen('a', { authorization: 'Bearer of-the-link' }),
    },
    {
      name: 'an absolute path stays as it is',
      files: { '.kube/config': buildConfig({ cluster: a, user: { tokenFile: '~/token' } }), token: 'absolute' },
      expected: seen('a', { authorization: 'Bearer absolute' }),
    },
    {
      name: 'a certificate authority that does not exist is an error',
      files: {
        '.kube/config': buildConfig({ cluster: { server, 'certificate-authority': 'absent' }, user: certificate }),
      },
      expected: refused(/ENOENT.*absent/),
    },
  ];
}
