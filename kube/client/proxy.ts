import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { type Environment, KubeconfigError } from './kubeconfig.ts';

/**
 * Returns the proxy that the environment names for a URL, by the rules of Go (golang.org/x/net/http/httpproxy).
 * Undefined means a direct connection. HTTPS_PROXY has precedence over https_proxy. Loopback addresses never use a
 * proxy. Throws KubeconfigError.
 */
export function proxyFromEnvironment(target: string, env: Environment): string | undefined {
  const url = new URL(target);
  const isHttps = url.protocol === 'https:';
  const proxy = parseProxy(isHttps ? pick(env, 'HTTPS_PROXY') : pick(env, 'HTTP_PROXY'));
  if (proxy === undefined) return undefined;
  if (!isHttps && (env['REQUEST_METHOD'] ?? '') !== '') {
    // A CGI program gets HTTP_PROXY from the header `Proxy`, which its client controls.
    throw new KubeconfigError(
      'invalid',
      'HTTP_PROXY is not used where REQUEST_METHOD is set: the client of a CGI program may have set it',
      'Unset one of them, or name the proxy in the kubeconfig with proxy-url.',
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port || (isHttps ? '443' : '80');
  const isDirect = isLoopback(host) || splitNoProxy(pick(env, 'NO_PROXY')).some((entry) => matches(entry, host, port));
  return isDirect ? undefined : proxy;
}

function pick(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

/** Returns the URL of a proxy. `host:port` means http://host:port. A value that is not a URL is ignored, as in Go. */
function parseProxy(value: string): string | undefined {
  if (value === '') return undefined;
  const url = /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(value) ? value : `http://${value}`;
  return URL.canParse(url) ? url : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function splitNoProxy(list: string): string[] {
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
}

/**
 * Whether an entry of NO_PROXY matches the host. An entry is `*`, a subnet, an address or a domain. A port may follow.
 */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [address = '', prefix] = entry.split('/', 2);
  if (prefix !== undefined && isIP(address) !== 0) return isInSubnet(host, address, Number(prefix));
  const { name, port: onlyPort } = splitPort(entry);
  if (name === '' || (onlyPort !== '' && onlyPort !== port)) return false;
  if (isIP(name) !== 0) return isIP(host) !== 0 && isInSubnet(host, name, isIP(name) === 4 ? 32 : 128);
  if (isIP(host) !== 0) return false;
  // `.a.b` and `*.a.b` match hosts below a.b. `a.b` also matches the host a.b.
  const suffix = name.replace(/^\*\./, '.');
  const domain = domainToASCII(suffix.replace(/^\./, ''));
  return host.endsWith(`.${domain}`) || (!suffix.startsWith('.') && host === domain);
}

function splitPort(entry: string): { name: string; port: string } {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(entry) ?? [];
  const name = bracketed ?? plain;
  return name === undefined ? { name: entry, port: '' } : { name, port };
}

function isInSubnet(host: string, address: string, prefix: number): boolean {
  const family = isIP(address);
  if (isIP(host) !== family || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 4 ? 32 : 128))
    return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, prefix, type);
  return list.check(host, type);
}
