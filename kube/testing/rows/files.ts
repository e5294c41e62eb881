import type { ApiServers } from '#kube/testing/apiServers.ts';
import { buildConfig, type ClusterRow, parts, refused, seen } from './row.ts';

export function fileRows(servers: ApiServers): ClusterRow[] {
  const { a, b } = parts(servers);
  const [toA, toB] = [buildConfig({ cluster: a }), buildConfig({ cluster: b })];
  const home = '.kube/config';
  return [
    { name: '~/.kube/config counts without KUBECONFIG', files: { [home]: toA }, expected: seen('a') },
    { name: 'an empty KUBECONFIG is ignored', files: { [home]: toA }, env: { KUBECONFIG: '' }, expected: seen('a') },
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
      name: 'the file of --kubeconfig needs a cluster',
      files: { [home]: toA, empty: '' },
      kubeconfig: '~/empty',
      expected: refused(/no cluster in the kubeconfig .*empty$/),
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
      name: 'a field that is null counts as absent',
      files: { [home]: { ...toA, extensions: null, preferences: null } },
      expected: seen('a'),
    },
  ];
}
