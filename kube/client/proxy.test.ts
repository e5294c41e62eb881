import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFromEnvironment } from './proxy.ts';

const proxy = 'http://proxy:3128';

// The cases follow the table in golang.org/x/net/http/httpproxy, which has these rules.
for (const [noProxy, server, isDirect] of [
  ['', 'https://kube.example:6443', false],
  ['', 'https://localhost:6443', true],
  ['', 'https://127.1.2.3:6443', true],
  ['', 'https://[::1]:6443', true],
  ['', 'https://localhost.example:6443', false],
  ['*', 'https://kube.example', true],
  ['kube.example', 'https://kube.example', true],
  ['kube.example', 'https://api.kube.example', true],
  ['kube.example', 'https://notkube.example', false],
  ['.kube.example', 'https://kube.example', false],
  ['.kube.example', 'https://api.kube.example', true],
  ['*.kube.example', 'https://kube.example', false],
  ['*.kube.example', 'https://api.kube.example', true],
  ['other, KUBE.example ,', 'https://kube.example', true],
  ['kube.example:443', 'https://kube.example', true],
  ['kube.example:6443', 'https://kube.example', false],
  ['bücher.example', 'https://xn--bcher-kva.example', true],
  ['10.0.0.1', 'https://10.0.0.1:6443', true],
  ['10.0.0.1:6443', 'https://10.0.0.1:6443', true],
  ['10.0.0.1:443', 'https://10.0.0.1:6443', false],
  ['10.0.0.0/8', 'https://10.1.2.3', true],
  ['10.0.0.0/16', 'https://10.1.2.3', false],
  ['10.0.0.0/33', 'https://10.0.0.0', false],
  ['10.0.0.0/8', 'https://ten.example', false],
  ['fd00::/8', 'https://[fd00::1]:6443', true],
  ['[fd00::1]:6443', 'https://[fd00::1]:6443', true],
  ['fd00::1', 'https://[fd00::2]:6443', false],
  [':443', 'https://kube.example', false],
] as const) {
  test(`${server} ${isDirect ? 'is reached directly' : 'is reached by the proxy'} with NO_PROXY "${noProxy}"`, () => {
    const env = { HTTPS_PROXY: proxy, NO_PROXY: noProxy };
    assert.equal(proxyFromEnvironment(server, env), isDirect ? undefined : proxy);
  });
}

test('HTTPS_PROXY has precedence over https_proxy, and the scheme of the server chooses the variable', () => {
  const env = { HTTPS_PROXY: '', https_proxy: 'http://small:1', HTTP_PROXY: 'plain:2', http_proxy: 'http://small:2' };
  assert.equal(proxyFromEnvironment('https://kube.example', env), 'http://small:1');
  assert.equal(proxyFromEnvironment('http://kube.example', env), 'http://plain:2');
});

test('a proxy that is not a URL is ignored', () => {
  assert.equal(proxyFromEnvironment('https://kube.example', { HTTPS_PROXY: 'http://a b' }), undefined);
});

test('in a CGI program HTTP_PROXY is refused', () => {
  const env = { HTTP_PROXY: proxy, REQUEST_METHOD: 'GET' };
  assert.throws(() => proxyFromEnvironment('http://kube.example', env), /may have set it/);
  assert.equal(proxyFromEnvironment('https://kube.example', { ...env, HTTPS_PROXY: proxy }), proxy);
});
