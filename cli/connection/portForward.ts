import type { RequestOptions } from 'node:https';
import { KubeConfig, PortForward } from '@kubernetes/client-node';
import type { Credentials } from '#kube/client/credentials.ts';
import { machineCas } from '#kube/client/transport.ts';

/**
 * Makes the client library's port-forward with the credentials that kube/ found. Server, TLS, proxy and headers are
 * the same as in every other request. Import this file only to open a tunnel: the library takes up to half a second.
 */
export function createPortForward(credentials: Credentials): PortForward {
  return new PortForward(new FoundConfig(credentials));
}

class FoundConfig extends KubeConfig {
  readonly #headers: Credentials['headers'];

  constructor({ server, proxy, tls, headers }: Credentials) {
    super();
    this.#headers = headers;
    const name = 'found';
    const ca = tls.ca ?? (server.startsWith('https:') && tls.rejectUnauthorized ? machineCas()?.join('\n') : undefined);
    this.loadFromClusterAndUser(
      {
        name,
        server,
        // The library uses plain HTTP only with this setting.
        skipTLSVerify: !tls.rejectUnauthorized || server.startsWith('http:'),
        ...(ca === undefined ? {} : { caData: toBase64(ca) }),
        ...(tls.servername === undefined ? {} : { tlsServerName: tls.servername }),
        ...(proxy === undefined ? {} : { proxyUrl: proxy }),
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
