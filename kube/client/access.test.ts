import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveAccess } from './access.ts';
import { kubeconfigCredentials } from './credentials.ts';
import { loadKubeconfig } from './kubeconfig.ts';

const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

function buildConfig(more: object = {}): string {
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: 'https://kube.test:6443' } }],
    users: [{ name: 'u', user: { token: 'mine' } }],
    contexts: [
      { name: 'x', context: { cluster: 'c', user: 'u' } },
      { name: 'lost', context: { cluster: 'gone', user: 'u' } },
    ],
    'current-context': 'x',
    ...more,
  });
}

/** Resolves the kubeconfig in a pod whose ServiceAccount files cannot be read. */
function resolveInPod(content: string) {
  const readFile = (file: string) => {
    if (file === '/config') return content;
    throw Object.assign(new Error(`EACCES: permission denied, open '${file}'`), { code: 'EACCES' });
  };
  const config = loadKubeconfig({ explicitPath: '/config', env: pod, readFile });
  return resolveAccess(config, { env: pod, readFile, isFile: () => true });
}

test('a kubeconfig that names its server works although files of the pod cannot be read', () => {
  const { server, namespace } = resolveInPod(buildConfig());
  assert.deepEqual({ server, namespace }, { server: 'https://kube.test:6443', namespace: 'default' });
});

test('the pod is used although its token cannot be read, so that the error names the token', () => {
  assert.equal(resolveInPod('').context, 'in-cluster');
});

for (const [name, content, message] of [
  ['no current context', buildConfig({ 'current-context': '' }), /no current context/],
  ['a context without its cluster', buildConfig({ 'current-context': 'lost' }), /cluster "gone", which/],
  ['no entries', '', /no cluster in the kubeconfig/],
] as const) {
  test(`a program with a kubeconfig with ${name} does not use another cluster`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    try {
      const file = join(folder, 'config');
      await writeFile(file, content);
      for (const env of [pod, { ...pod, KUBERNETES_MASTER: 'https://other.test' }]) {
        assert.throws(() => kubeconfigCredentials({ file, env, isFile: () => true }), message);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}
