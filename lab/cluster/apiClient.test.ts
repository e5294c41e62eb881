import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startApiServers } from '#kube/testing/apiServers.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { connectAdmin, createApiClient } from './apiClient.ts';
import { buildKubeconfig } from './kubeconfig.ts';

test('it reads JSON and text and applies, as the user of its certificate', async () => {
  await using servers = await startApiServers();
  const { ca, client, urls } = servers;
  await using api = createApiClient({ url: urls.a, caPem: ca.certPem, credentials: client });
  assert.equal(typeof (await api.get('/version')), 'object');
  assert.match(await api.getText('/readyz'), /^\{/);
  await api.apply('/api/v1/namespaces/n', { kind: 'Namespace' });
  assert.deepEqual(servers.take().requests, [
    { server: 'a', path: '/version', certificate: 'jane' },
    { server: 'a', path: '/readyz', certificate: 'jane' },
    {
      server: 'a',
      path: '/api/v1/namespaces/n?fieldManager=sumpipeline-cluster&force=true',
      certificate: 'jane',
      body: '{"kind":"Namespace"}',
    },
  ]);
});

test('it connects as the user of a kubeconfig that we wrote', async () => {
  await using servers = await startApiServers();
  const { ca, client, urls } = servers;
  await using folder = await createTemporaryFolder();
  const file = join(folder.path, 'config');
  await writeFile(file, buildKubeconfig({ server: urls.b, caPem: ca.certPem, credentials: client }));
  await using api = connectAdmin(file);
  await api.get('/version');
  assert.deepEqual(servers.take().requests, [{ server: 'b', path: '/version', certificate: 'jane' }]);
});
