import { type CredentialSource, kubeconfigCredentials } from '#kube/client/credentials.ts';
import { createTransport, type HttpRequest } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import type { Certificate } from '#lab/certificates/pki.ts';

/** A Kubernetes client for the start of a cluster. Its calls take the path of an object, and not a kind. */
export interface ApiClient extends AsyncDisposable {
  /** Returns parsed JSON. Throws on any other status than 2xx. */
  get(path: string): Promise<unknown>;
  /** Returns text, such as that of /readyz. Throws on any other status than 2xx. */
  getText(path: string): Promise<string>;
  /** Sends one object to its path by server-side apply. */
  apply(path: string, object: object): Promise<void>;
}

/** Connects with a client certificate, before a kubeconfig exists. */
export function createApiClient(options: { url: string; caPem: string; credentials: Certificate }): ApiClient {
  const { url, caPem, credentials } = options;
  const tls = { ca: caPem, cert: credentials.certPem, key: credentials.keyPem, rejectUnauthorized: true };
  return connectWith({ load: async () => ({ server: url, tls, headers: {} }) });
}

/** Connects as the user of a kubeconfig file. Ignores proxies in the environment, because the cluster is local. */
export function connectAdmin(kubeconfigPath: string): ApiClient {
  return connectWith(kubeconfigCredentials({ file: kubeconfigPath, env: {} }));
}

function connectWith(credentials: CredentialSource): ApiClient {
  // A short limit is enough: while the API server starts, the caller repeats its call.
  const timeoutMs = 10_000;
  const transport = createTransport({ credentials, clock: systemClock, userAgent: 'sumpipeline-cluster', timeoutMs });
  const call = async (request: Omit<HttpRequest, 'context'>) => {
    const answer = await transport.request({ ...request, context: { verb: request.method, kind: request.path } });
    return answer.body;
  };
  return {
    get: (path) => call({ method: 'GET', path }),
    getText: async (path) => String(await call({ method: 'GET', path, headers: { accept: '*/*' }, isText: true })),
    async apply(path, object) {
      await call({
        method: 'PATCH',
        path,
        query: { fieldManager: 'sumpipeline-cluster', force: 'true' },
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: JSON.stringify(object),
      });
    },
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
