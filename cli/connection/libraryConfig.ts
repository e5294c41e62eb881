import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Credentials } from '#kube/client/credentials.ts';
import { machineCas } from '#kube/client/transport.ts';

/**
 * Makes a configuration of the client library from credentials. The library has agents for HTTP and SOCKS proxies.
 * Import this file only to use a proxy, because the library takes a third of a second to load.
 */
export function toLibraryConfig(credentials: ProxiedCredentials): KubeConfig {
  return new FoundConfig(credentials);
}

type ProxiedCredentials = Credentials & { readonly proxy: string };

class FoundConfig extends KubeConfig {
  readonly #headers: Credentials['headers'];

  constructor({ server, proxy, tls, headers }: ProxiedCredentials) {
    super();
    this.#headers = headers;
    const name = 'found';
    const ca = tls.ca ?? (server.startsWith('https:') && tls.rejectUnauthorized ? machineCas()?.join('\n') : undefined);
    this.loadFromClusterAndUser(
      {
        name,
        server,
        // For plain HTTP the library requires this setting too.
        skipTLSVerify: !tls.rejectUnauthorized || server.startsWith('http:'),
        ...(ca === undefined ? {} : { caData: toBase64(ca) }),
        ...(tls.servername === undefined ? {} : { tlsServerName: tls.servername }),
        proxyUrl: proxy,
      },
      {
        name,
        ...(tls.cert === undefined ? {} : { certData: toBase64(tls.cert) }),
        ...(tls.key === undefined ? {} : { keyData: toBase64(tls.key) }),
      },
    );
  }

  override async applyToHTTPSOptions(options: RequestOptions): Promise<void> {
    await super.applyToHTTPSOptions(options);
    options.headers = { ...this.#headers };
  }
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
