import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Credentials } from '#kube/client/credentials.ts';
import { startApiServers } from '#kube/testing/apiServers.ts';
import { openPortForward } from './portForward.ts';

test('a tunnel is opened with server, TLS, headers and proxy of every other request', async () => {
  await using servers = await startApiServers();
  const { ca, client, urls } = servers;
  for (const proxy of [undefined, urls.http]) {
    const credentials: Credentials = {
      server: `${urls.a}/prefix`,
      proxy,
      tls: {
        ca: ca.certPem,
        cert: client.certPem,
        key: client.keyPem,
        servername: 'kube.test',
        rejectUnauthorized: true,
      },
      headers: { Authorization: 'Bearer mine', 'Impersonate-User': 'joe', 'Impersonate-Group': ['g1', 'g2'] },
    };
    // The server of the test opens no tunnel.
    await assert.rejects(
      openPortForward(credentials, { namespace: 'shop', pod: 'p1', port: 8080 }, () => {}),
      /Unexpected server response: \d{3}/,
    );
    const { requests, proxies } = servers.take();
    assert.deepEqual(proxies, proxy === undefined ? [] : ['http']);
    assert.deepEqual(requests, [
      {
        server: 'a',
        path: '/prefix/api/v1/namespaces/shop/pods/p1/portforward?ports=8080',
        authorization: 'Bearer mine',
        impersonate: ['impersonate-group: g1', 'impersonate-group: g2', 'impersonate-user: joe'],
        certificate: 'jane',
        sni: 'kube.test',
      },
    ]);
  }
});
