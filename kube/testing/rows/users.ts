import type { ApiServers } from '#kube/testing/apiServers.ts';
import { buildConfig, type ClusterRow, mine, type Outcome, parts, refused, seen } from './row.ts';

export function userRows(servers: ApiServers): ClusterRow[] {
  const { a, certificate } = parts(servers);
  const row = (name: string, user: object, expected: Outcome, token?: string) => ({
    name,
    files: {
      '.kube/config': buildConfig({ cluster: a, user }),
      ...(token === undefined ? {} : { '.kube/token': token }),
    },
    expected,
  });
  const idToken = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"exp":4102444800}').toString('base64url')}.x`;
  const oidc = { 'idp-issuer-url': 'https://127.0.0.1:1', 'client-id': 'me', 'id-token': idToken };
  const basic = `Basic ${Buffer.from('jane:secret').toString('base64')}`;
  return [
    row('a token', { token: 'mine' }, seen('a', { authorization: 'Bearer mine' })),
    row(
      'white space around the token in a token file is removed',
      { tokenFile: 'token' },
      seen('a', { authorization: 'Bearer of-file' }),
      ' of-file\n',
    ),
    row(
      'a token file wins over a token',
      { token: 'mine', tokenFile: 'token' },
      seen('a', { authorization: 'Bearer of-file' }),
      'of-file',
    ),
    row(
      'a token counts while its file is missing',
      { token: 'mine', tokenFile: 'token' },
      seen('a', { authorization: 'Bearer mine' }),
    ),
    row(
      'a token counts while its file is empty',
      { token: 'mine', tokenFile: 'token' },
      seen('a', { authorization: 'Bearer mine' }),
      '\n',
    ),
    row('a token file that is missing is an error', { tokenFile: 'token' }, refused(/ENOENT.*token/)),
    row('a token file that is empty is an error', { tokenFile: 'token' }, refused(/token is empty/), ''),
    row('a user name and a password', { username: 'jane', password: 'secret' }, seen('a', { authorization: basic })),
    row(
      'a token and a password exclude each other',
      { token: 'mine', username: 'jane' },
      refused(/a token and a password are both set/),
    ),
    row(
      'a token file and a password exclude each other',
      { tokenFile: 'token', username: 'jane' },
      refused(/a token and a password/),
      'x',
    ),
    row(
      'a token and a client certificate go together',
      { token: 'mine', ...certificate },
      seen('a', { authorization: 'Bearer mine', certificate: 'jane' }),
    ),
    row(
      'impersonation: user, uid, groups and extras',
      {
        ...mine,
        as: 'jürgen',
        'as-uid': '7',
        'as-groups': ['g1', 'g2'],
        'as-user-extra': { 'a.b/c%d': ['1', '2'], Reason: ['x'] },
      },
      seen('a', {
        impersonate: [
          'impersonate-extra-a.b%2fc%25d: 1',
          'impersonate-extra-a.b%2fc%25d: 2',
          'impersonate-extra-reason: x',
          'impersonate-group: g1',
          'impersonate-group: g2',
          'impersonate-uid: 7',
          'impersonate-user: jürgen',
        ],
      }),
    ),
    row('groups without a user to impersonate are an error', { 'as-groups': ['g'] }, refused(/need as/)),
    row(
      'an auth-provider that was removed is an error',
      { 'auth-provider': { name: 'gcp' } },
      refused(/"gcp" was removed/),
    ),
    row(
      'the auth-provider oidc sends its token',
      { 'auth-provider': { name: 'oidc', config: oidc } },
      seen('a', { authorization: `Bearer ${idToken}` }),
    ),
  ];
}
