import type { ApiServers } from '#kube/testing/apiServers.ts';
import { anonymous, buildConfig, type ClusterRow, type Outcome, parts, refused, seen } from './row.ts';

/** A plugin that records its input and prints a file. */
const pluginScript = `#!/bin/sh
printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> "$HOME/runs"
[ -z "$1" ] || { printf '{"apiVersion":"%s","kind":"ExecCredential","status":{"token":"%s"}}' "$API" "$1-$SUFFIX"; exit 0; }
[ -s "$HOME/credential" ] || exit 7
cat "$HOME/credential"
`;

export function execRows(servers: ApiServers): ClusterRow[] {
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
      'a plugin with provideClusterInfo gets the cluster',
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
      'a plugin does not run if the user has a token',
      { exec, token: 'mine' },
      token,
      seen('a', { authorization: 'Bearer mine' }),
    ),
    row('a plugin does not run for a plain http server', { exec }, token, seen('plain'), plain),
    row(
      'a plugin with interactiveMode Always needs a terminal',
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
