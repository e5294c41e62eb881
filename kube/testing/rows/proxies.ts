import type { ApiServers } from '#kube/testing/apiServers.ts';
import { buildConfig, type ClusterRow, type Outcome, parts, refused, seen } from './row.ts';

export function proxyRows(servers: ApiServers): ClusterRow[] {
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
