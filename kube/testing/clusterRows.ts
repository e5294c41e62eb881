import type { ApiServers, Seen } from './apiServers.ts';

/** What a command finds on the machine, and which API server it then reaches. `~/` is the home folder in all texts. */
export interface ClusterRow {
  readonly name: string;
  /** By path below the home folder; objects are written as JSON, which is YAML. */
  readonly files?: Readonly<Record<string, string | object>>;
  /** Symbolic links, from path to target. */
  readonly links?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** --kubeconfig */
  readonly kubeconfig?: string;
  /** --context */
  readonly context?: string;
  /** The files of the pod's ServiceAccount. */
  readonly pod?: Readonly<Record<string, string>>;
  readonly expected: Outcome;
  /** Where kubectl does something else; docs/adr/0036 says why we do not. */
  readonly kubectl?: Outcome;
}

export interface Outcome {
  /** Empty when nothing was sent. */
  readonly seen?: readonly Seen[];
  /** `http user:password` for each use of a proxy. */
  readonly proxies?: readonly string[];
  /** KUBERNETES_EXEC_INFO of each run of a plugin. */
  readonly plugin?: readonly unknown[];
  /** In our message. kubectl then fails, too, in words of its own. */
  readonly refused?: RegExp;
}

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string;
}

/** A user with a token: for one without anything kubectl asks at the terminal. */
const mine = { token: 'mine' };

export function buildConfig({ cluster = {}, user = mine, context = {}, current = 'x' }: Parts): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...context } }],
    'current-context': current,
  };
}

export function buildClusterRows(servers: ApiServers): ClusterRow[] {
  return [
    ...fileRows(servers),
    ...mergeRows(servers),
    ...pathRows(servers),
    ...contextRows(servers),
    ...serverRows(servers),
    ...tlsRows(servers),
    ...userRows(servers),
    ...execRows(servers),
    ...proxyRows(servers),
    ...podRows(servers),
  ];
}

const anonymous = (server: Seen['server'], more: Partial<Seen> = {}): Outcome => ({
  seen: [{ server, path: '/version', ...more }],
});
/** With the token of `mine`, which goes to no server without TLS. */
const seen = (server: Seen['server'], more: Partial<Seen> = {}): Outcome =>
  anonymous(server, { ...(server === 'plain' ? {} : { authorization: 'Bearer mine' }), ...more });
const refused = (message: RegExp): Outcome => ({ refused: message });

function parts({ ca, urls, client }: ApiServers) {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const trusted = { 'certificate-authority-data': base64(ca.certPem) };
  return {
    base64,
    a: { server: urls.a, ...trusted },
    b: { server: urls.b, ...trusted },
    plain: { server: urls.plain },
    trusted,
    certificate: { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) },
  };
}

function fileRows(servers: ApiServers): ClusterRow[] {
  const { a, b } = parts(servers);
  const [toA, toB] = [buildConfig({ cluster: a }), buildConfig({ cluster: b })];
  const home = '.kube/config';
  return [
    { name: '~/.kube/config counts without KUBECONFIG', files: { [home]: toA }, expected: seen('a') },
    { name: 'an empty KUBECONFIG is none', files: { [home]: toA }, env: { KUBECONFIG: '' }, expected: seen('a') },
    {
      name: 'KUBECONFIG replaces ~/.kube/config',
      files: { [home]: toA, other: toB },
      env: { KUBECONFIG: '~/other' },
      expected: seen('b'),
    },
    {
      name: '--kubeconfig replaces KUBECONFIG',
      files: { one: toA, other: toB },
      env: { KUBECONFIG: '~/one' },
      kubeconfig: '~/other',
      expected: seen('b'),
    },
    {
      name: 'the file of --kubeconfig must exist',
      files: { [home]: toA },
      kubeconfig: '~/absent',
      expected: refused(/cannot be read: .*absent: ENOENT/),
    },
    {
      name: '--kubeconfig is one file and no list',
      files: { one: toA, other: toB },
      kubeconfig: '~/one:~/other',
      expected: refused(/ENOENT/),
    },
    {
      name: 'files of KUBECONFIG that do not exist are left out',
      files: { one: toA },
      env: { KUBECONFIG: '~/absent:~/one' },
      expected: seen('a'),
    },
    {
      name: 'empty names in KUBECONFIG are left out',
      files: { one: toA },
      env: { KUBECONFIG: ':~/one::' },
      expected: seen('a'),
    },
    {
      name: 'a file that KUBECONFIG names twice counts once',
      files: { one: toA, other: toB },
      env: { KUBECONFIG: '~/one:~/other:~/one' },
      expected: seen('a'),
    },
    {
      name: 'a relative name in KUBECONFIG starts at the current folder',
      files: { one: toA },
      env: { KUBECONFIG: 'one' },
      expected: seen('a'),
    },
    {
      name: 'KUBECONFIG with empty names alone reads nothing, not even ~/.kube/config',
      files: { [home]: toA },
      env: { KUBECONFIG: ':' },
      expected: refused(/there is no kubeconfig/),
    },
    {
      name: 'an empty file is a kubeconfig without entries',
      files: { empty: '', one: toA },
      env: { KUBECONFIG: '~/empty:~/one' },
      expected: seen('a'),
    },
    {
      name: 'a file of comments is a kubeconfig without entries',
      files: { empty: '# nothing\n', one: toA },
      env: { KUBECONFIG: '~/empty:~/one' },
      expected: seen('a'),
    },
    {
      name: 'a file that is not YAML is an error that names it, even after a good one',
      files: { one: toA, bad: 'clusters: [' },
      env: { KUBECONFIG: '~/one:~/bad' },
      expected: refused(/cannot be read: .*\/bad: /),
    },
    {
      name: 'a folder in KUBECONFIG is an error',
      files: { one: toA, 'folder/x': '' },
      env: { KUBECONFIG: '~/one:~/folder' },
      expected: refused(/folder: EISDIR/),
    },
    {
      name: 'a list is not a kubeconfig',
      files: { [home]: '[]' },
      expected: refused(/expected object/),
    },
    {
      name: 'another kind is not a kubeconfig',
      files: { [home]: { ...toA, kind: 'Secret' } },
      expected: refused(/at kind/),
    },
    {
      name: 'another apiVersion is not a kubeconfig',
      files: { [home]: { ...toA, apiVersion: 'v2' } },
      expected: refused(/at apiVersion/),
    },
    {
      name: 'kind and apiVersion may be left out',
      files: { [home]: { ...toA, kind: undefined, apiVersion: undefined } },
      expected: seen('a'),
    },
    {
      name: 'two clusters of one name in a file are an error',
      files: {
        [home]: {
          ...toA,
          clusters: [
            { name: 'c', cluster: a },
            { name: 'c', cluster: b },
          ],
        },
      },
      expected: refused(/two entries have the name "c"/),
    },
    {
      name: 'a number is not a token',
      files: { [home]: buildConfig({ cluster: a, user: { token: 12345 } }) },
      expected: refused(/expected string/),
    },
    {
      name: 'unknown fields are left out',
      files: { [home]: { ...buildConfig({ cluster: { ...a, color: 'red' } }), preferences: {}, more: 1 } },
      expected: seen('a'),
    },
    {
      name: 'of several YAML documents the first counts, of equal keys the last, and yes is true',
      files: {
        [home]: `clusters: []
clusters: [{name: c, cluster: {server: "${a.server}", insecure-skip-tls-verify: yes}}]
users: [{name: u, user: {token: mine}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
---
current-context: y
`,
      },
      expected: seen('a'),
    },
    {
      name: 'null is as good as nothing',
      files: { [home]: { ...toA, extensions: null, preferences: null } },
      expected: seen('a'),
    },
  ];
}

function mergeRows(servers: ApiServers): ClusterRow[] {
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

function pathRows(servers: ApiServers): ClusterRow[] {
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

function contextRows(servers: ApiServers): ClusterRow[] {
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
      expected: refused(/no context "old", which it calls its current one/),
    },
    {
      name: 'a user that does not exist is no user',
      files,
      context: 'unknown-user',
      expected: anonymous('a'),
      // It asks for a user name and a password.
      kubectl: refused(/EOF/),
    },
    {
      name: 'a cluster that does not exist is an error',
      files,
      context: 'lost',
      expected: refused(/cluster "gone", which the kubeconfig lacks/),
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
      name: 'KUBERNETES_MASTER is the server where no other is named',
      env: { KUBERNETES_MASTER: servers.urls.plain },
      expected: seen('plain'),
    },
  ];
}

function serverRows(servers: ApiServers): ClusterRow[] {
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

function tlsRows(servers: ApiServers): ClusterRow[] {
  const { a, base64, certificate } = parts(servers);
  const { server } = a;
  const row = (
    name: string,
    { cluster = a, user = mine }: Parts,
    expected: Outcome,
    files: Record<string, string> = {},
  ) => ({
    name,
    files: { '.kube/config': buildConfig({ cluster, user }), ...files },
    expected,
  });
  return [
    row(
      'a certificate authority that is not of the server is an error',
      {
        cluster: { server, 'certificate-authority-data': base64(servers.client.certPem) },
      },
      refused(/certificate/),
    ),
    row('without a certificate authority those of the machine count', { cluster: { server } }, refused(/certificate/)),
    row(
      'insecure-skip-tls-verify takes any certificate',
      { cluster: { server, 'insecure-skip-tls-verify': true } },
      seen('a'),
    ),
    row(
      'a certificate authority and insecure-skip-tls-verify exclude each other',
      {
        cluster: { ...a, 'insecure-skip-tls-verify': true },
      },
      refused(/exclude each other/),
    ),
    row(
      'a certificate authority as file and as data is an error',
      {
        cluster: { ...a, 'certificate-authority': 'ca.crt' },
      },
      refused(/certificate-authority and certificate-authority-data are both set/),
      { '.kube/ca.crt': servers.ca.certPem },
    ),
    row(
      'a certificate authority that is not PEM is an error',
      {
        cluster: { server, 'certificate-authority-data': base64('no PEM') },
      },
      refused(/not a PEM certificate/),
    ),
    row(
      'data that is not base64 is an error',
      {
        cluster: { server, 'certificate-authority-data': '!!' },
      },
      refused(/not base64/),
    ),
    row(
      'line ends in base64 are skipped',
      {
        cluster: { server, 'certificate-authority-data': base64(servers.ca.certPem).replaceAll(/(.{60})/g, '$1\n') },
      },
      seen('a'),
    ),
    row(
      'tls-server-name is the name in the handshake and in the certificate',
      {
        cluster: { ...a, 'tls-server-name': 'kube.test' },
      },
      seen('a', { sni: 'kube.test' }),
    ),
    row(
      'a certificate without the tls-server-name is refused',
      {
        cluster: { ...a, 'tls-server-name': 'other.test' },
      },
      refused(/other\.test/),
    ),
    row(
      'a tls-server-name that is an address is checked and not in the handshake',
      {
        cluster: { ...a, 'tls-server-name': '127.0.0.1' },
      },
      seen('a'),
    ),
    row(
      'an address that is not in the certificate is refused',
      {
        cluster: { ...a, 'tls-server-name': '127.0.0.9' },
      },
      refused(/127\.0\.0\.9/),
    ),
    row('a client certificate is shown to the server', { user: certificate }, anonymous('a', { certificate: 'jane' })),
    row(
      'a client certificate needs a key',
      {
        user: { 'client-certificate-data': certificate['client-certificate-data'] },
      },
      refused(/has no key/),
    ),
    row(
      'a client certificate as file and as data is an error',
      {
        user: { ...certificate, 'client-certificate': 'jane.crt' },
      },
      refused(/client-certificate and client-certificate-data are both set/),
      { '.kube/jane.crt': servers.client.certPem },
    ),
    row(
      'a client key as file and as data is an error',
      {
        user: { ...certificate, 'client-key': 'jane.key' },
      },
      refused(/client-key and client-key-data are both set/),
      { '.kube/jane.key': servers.client.keyPem },
    ),
    row(
      'a certificate from a file may have its key as data',
      {
        user: { 'client-certificate': 'jane.crt', 'client-key-data': certificate['client-key-data'] },
      },
      anonymous('a', { certificate: 'jane' }),
      { '.kube/jane.crt': servers.client.certPem },
    ),
    row(
      'a key without a certificate is left out',
      {
        user: { ...mine, 'client-key': 'absent' },
      },
      seen('a'),
    ),
  ];
}

function userRows(servers: ApiServers): ClusterRow[] {
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
      'a token file, without the space around',
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
      refused(/"gcp" does not exist any more/),
    ),
    row(
      'the auth-provider oidc sends its token',
      { 'auth-provider': { name: 'oidc', config: oidc } },
      seen('a', { authorization: `Bearer ${idToken}` }),
    ),
  ];
}

/** A plugin that notes what it was given and prints a file. */
const pluginScript = `#!/bin/sh
printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> "$HOME/runs"
[ -z "$1" ] || { printf '{"apiVersion":"%s","kind":"ExecCredential","status":{"token":"%s"}}' "$API" "$1-$SUFFIX"; exit 0; }
[ -s "$HOME/credential" ] || exit 7
cat "$HOME/credential"
`;

function execRows(servers: ApiServers): ClusterRow[] {
  const { a, b, plain } = parts(servers);
  const group = 'client.authentication.k8s.io';
  const v1 = `${group}/v1`;
  const exec = { command: '../plugin', apiVersion: v1, interactiveMode: 'Never' };
  const token = { apiVersion: v1, kind: 'ExecCredential', status: { token: 'of-plugin' } };
  const ran = (apiVersion = v1) => ({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } });
  const row = (
    name: string,
    user: object,
    credential: object | string,
    expected: Outcome,
    cluster: object = a,
  ): ClusterRow => ({
    name,
    files: {
      '.kube/config': buildConfig({ cluster, user }),
      plugin: pluginScript,
      'bin/on-path': pluginScript,
      credential,
    },
    env: { PATH: `~/bin:${process.env['PATH']}` },
    expected,
  });
  const withToken = { ...seen('a', { authorization: 'Bearer of-plugin' }), plugin: [ran()] };
  return [
    row('an exec plugin returns a token', { exec }, token, withToken),
    row('a plugin without a slash is looked for on PATH', { exec: { ...exec, command: 'on-path' } }, token, withToken),
    row(
      'a plugin of v1beta1 needs no interactiveMode',
      { exec: { command: '../plugin', apiVersion: `${group}/v1beta1` } },
      { ...token, apiVersion: `${group}/v1beta1` },
      { ...seen('a', { authorization: 'Bearer of-plugin' }), plugin: [ran(`${group}/v1beta1`)] },
    ),
    row(
      'a plugin of v1 needs an interactiveMode',
      { exec: { ...exec, interactiveMode: undefined } },
      token,
      refused(/needs an interactiveMode/),
    ),
    row(
      'a plugin of v1alpha1 is an error',
      { exec: { ...exec, apiVersion: `${group}/v1alpha1` } },
      token,
      refused(/v1alpha1", which is not supported/),
    ),
    row('a plugin needs a command', { exec: { ...exec, command: '' } }, token, refused(/no command/)),
    row('a plugin needs an apiVersion', { exec: { ...exec, apiVersion: '' } }, token, refused(/no apiVersion/)),
    row(
      'a variable of a plugin needs a name',
      { exec: { ...exec, env: [{ value: 'x' }] } },
      token,
      refused(/has no name/),
    ),
    row(
      'a plugin gets arguments and environment of its entry',
      {
        exec: {
          ...exec,
          args: ['arg'],
          env: [
            { name: 'SUFFIX', value: 'env' },
            { name: 'API', value: v1 },
          ],
        },
      },
      '',
      { ...seen('a', { authorization: 'Bearer arg-env' }), plugin: [ran()] },
    ),
    row(
      'a plugin gets the cluster if its entry wants so',
      { exec: { ...exec, provideClusterInfo: true } },
      token,
      {
        ...seen('a', { authorization: 'Bearer of-plugin', sni: 'kube.test' }),
        plugin: [
          {
            ...ran(),
            spec: {
              cluster: { ...a, 'tls-server-name': 'kube.test', config: { audience: 'x' } },
              interactive: false,
            },
          },
        ],
      },
      { ...a, 'tls-server-name': 'kube.test', extensions: [{ name: `${group}/exec`, extension: { audience: 'x' } }] },
    ),
    row(
      'a plugin returns a client certificate',
      { exec },
      {
        ...token,
        status: { clientCertificateData: servers.client.certPem, clientKeyData: servers.client.keyPem },
      },
      { ...anonymous('a', { certificate: 'jane' }), plugin: [ran()] },
    ),
    row(
      'a plugin that returns another apiVersion is an error',
      { exec },
      { ...token, apiVersion: `${group}/v1beta1` },
      {
        ...refused(/returned .*v1beta1/),
        plugin: [ran()],
      },
    ),
    row(
      'a plugin that returns nothing is an error',
      { exec },
      { ...token, status: {} },
      {
        ...refused(/neither a token nor a certificate/),
        plugin: [ran()],
      },
    ),
    row(
      'a plugin that returns a certificate alone is an error',
      { exec },
      { ...token, status: { token: 'x', clientCertificateData: 'x' } },
      {
        ...refused(/not both/),
        plugin: [ran()],
      },
    ),
    row('a plugin that fails is an error', { exec }, '', { ...refused(/exit code 7/), plugin: [ran()] }),
    row('a plugin that prints something else is an error', { exec }, 'hello', {
      ...refused(/not JSON/),
      plugin: [ran()],
    }),
    row(
      'a plugin that does not exist is an error with its hint',
      { exec: { ...exec, command: '../absent', installHint: 'Install it.' } },
      token,
      refused(/absent\. Install it\./),
    ),
    row(
      'a plugin does not run where there is a token',
      { exec, token: 'mine' },
      token,
      seen('a', { authorization: 'Bearer mine' }),
    ),
    row('a plugin does not run for a plain http server', { exec }, token, seen('plain'), plain),
    row(
      'a plugin that must talk to a person needs a terminal',
      { exec: { ...exec, interactiveMode: 'Always' } },
      token,
      refused(/needs a terminal/),
    ),
    row(
      'another interactiveMode is an error',
      { exec: { ...exec, interactiveMode: 'Maybe' } },
      token,
      refused(/needs an interactiveMode/),
    ),
    row(
      'exec and auth-provider exclude each other',
      { exec, 'auth-provider': { name: 'oidc' } },
      token,
      refused(/exec and auth-provider/),
      b,
    ),
  ];
}

function proxyRows(servers: ApiServers): ClusterRow[] {
  const { a, trusted, plain } = parts(servers);
  const { http, https, socks5 } = servers.urls;
  const named = { ...trusted, server: `https://${servers.name}:6443` };
  const row = (name: string, cluster: object, env: Record<string, string>, expected: Outcome): ClusterRow => ({
    name,
    files: { '.kube/config': buildConfig({ cluster, user: { token: 'mine' } }) },
    env,
    expected,
  });
  const direct = seen('a', { authorization: 'Bearer mine' });
  const over = (proxy: string): Outcome => ({ ...direct, proxies: [proxy] });
  const overNamed = (proxy: string): Outcome => ({
    ...seen('a', { authorization: 'Bearer mine', sni: servers.name }),
    proxies: [proxy],
  });
  return [
    row('proxy-url, also for a loopback address', { ...a, 'proxy-url': http }, {}, over('http')),
    row(
      'proxy-url with a password',
      { ...a, 'proxy-url': http.replace('//', '//me:pa%20ss@') },
      {},
      over('http me:pa ss'),
    ),
    row('proxy-url by https', { ...a, 'proxy-url': https }, {}, over('https')),
    row('proxy-url by socks5', { ...named, 'proxy-url': socks5 }, {}, overNamed('socks5')),
    row(
      'proxy-url of another scheme is an error',
      { ...a, 'proxy-url': 'socks4://127.0.0.1:1' },
      {},
      refused(/proxy-url must be/),
    ),
    row(
      'proxy-url without a scheme is an error',
      { ...a, 'proxy-url': '127.0.0.1:1' },
      {},
      refused(/proxy-url must be/),
    ),
    row(
      'proxy-url with tls-server-name',
      { ...named, 'proxy-url': http, 'tls-server-name': 'api.kube.test' },
      {},
      {
        ...seen('a', { authorization: 'Bearer mine', sni: 'api.kube.test' }),
        proxies: ['http'],
      },
    ),
    row('proxy-url in spite of NO_PROXY', { ...a, 'proxy-url': http }, { NO_PROXY: '*' }, over('http')),
    row(
      'proxy-url before a plain http server',
      { ...plain, 'proxy-url': http },
      {},
      { ...seen('plain'), proxies: ['http'] },
    ),
    row(
      'proxy-url wins over HTTPS_PROXY',
      { ...named, 'proxy-url': http },
      { HTTPS_PROXY: 'http://127.0.0.1:1' },
      overNamed('http'),
    ),
    row('HTTPS_PROXY', named, { HTTPS_PROXY: http }, overNamed('http')),
    row('https_proxy', named, { https_proxy: http }, overNamed('http')),
    row(
      'HTTPS_PROXY wins over https_proxy',
      named,
      { HTTPS_PROXY: http, https_proxy: 'http://127.0.0.1:1' },
      overNamed('http'),
    ),
    row('HTTPS_PROXY without a scheme', named, { HTTPS_PROXY: http.replace('http://', '') }, overNamed('http')),
    row('HTTPS_PROXY by socks5', named, { HTTPS_PROXY: socks5 }, overNamed('socks5')),
    row('HTTPS_PROXY is not for loopback addresses', a, { HTTPS_PROXY: 'http://127.0.0.1:1' }, direct),
    row(
      'HTTPS_PROXY is not for localhost',
      { ...a, server: `https://localhost:${servers.ports.a}` },
      { HTTPS_PROXY: 'http://127.0.0.1:1' },
      {
        seen: [{ server: 'a', path: '/version', authorization: 'Bearer mine', sni: 'localhost' }],
      },
    ),
    row('HTTP_PROXY is not for https servers', a, { HTTP_PROXY: 'http://127.0.0.1:1' }, direct),
    row(
      'HTTP_PROXY for a plain http server',
      { server: `http://${servers.name}` },
      { HTTP_PROXY: http },
      {
        ...seen('plain'),
        proxies: ['http'],
      },
    ),
    row('NO_PROXY of another domain', named, { HTTPS_PROXY: http, NO_PROXY: 'other.test,ube.test' }, overNamed('http')),
    row('NO_PROXY of domains below', named, { HTTPS_PROXY: http, NO_PROXY: '.kube.test' }, overNamed('http')),
    row('NO_PROXY of another port', named, { HTTPS_PROXY: http, NO_PROXY: 'kube.test:443' }, overNamed('http')),
    row(
      'NO_PROXY of the domain',
      named,
      { HTTPS_PROXY: http, NO_PROXY: 'other.test, KUBE.test' },
      refused(/kube\.test/),
    ),
    row('NO_PROXY of the domain above', named, { HTTPS_PROXY: http, NO_PROXY: 'test' }, refused(/kube\.test/)),
    row('NO_PROXY of everything', named, { HTTPS_PROXY: http, NO_PROXY: '*' }, refused(/kube\.test/)),
  ];
}

function podRows(servers: ApiServers): ClusterRow[] {
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
      name: 'a pod without a token is no pod',
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
    { name: 'outside of a pod a ServiceAccount means nothing', pod, expected: refused(/there is no kubeconfig/) },
  ];
}

/** As ClusterRow, and the namespace in which both look. */
export type NamespaceRow = Omit<ClusterRow, 'expected'> & { readonly namespace: string };

export function buildNamespaceRows(servers: ApiServers): NamespaceRow[] {
  const cluster = { server: servers.urls.plain };
  const config = (context: object) => ({ '.kube/config': buildConfig({ cluster, context }) });
  const pod = { token: 'of-pod', 'ca.crt': servers.ca.certPem, namespace: 'of-pod\n' };
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(servers.ports.a) };
  return [
    { name: 'that of the context', files: config({ namespace: 'team' }), namespace: 'team' },
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
