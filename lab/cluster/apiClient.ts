import { Agent, fetch } from 'undici';
import type { Certificate } from '#lab/certificates/pki.ts';

/** What the start of a cluster asks the API server; not a general client. */
export interface ApiClient extends AsyncDisposable {
  /** Answers the body, parsed when it is JSON. Throws on any other status than 2xx. */
  get(path: string): Promise<unknown>;
  /** Server-side apply of one object at its path. */
  apply(path: string, object: object): Promise<void>;
}

export function createApiClient(options: { url: string; caPem: string; credentials: Certificate }): ApiClient {
  const { url, caPem, credentials } = options;
  const dispatcher = new Agent({
    connect: { ca: caPem, cert: credentials.certPem, key: credentials.keyPem },
    connectTimeout: 5000,
    headersTimeout: 10_000,
  });
  const call = async (path: string, init: { method: string; body?: string; headers?: Record<string, string> }) => {
    const response = await fetch(`${url}${path}`, { dispatcher, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method} ${path} answers ${response.status}: ${text.slice(0, 500)}`);
    return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text;
  };
  return {
    get: (path) => call(path, { method: 'GET' }),
    async apply(path, object) {
      await call(`${path}?fieldManager=sumpipeline-cluster&force=true`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: JSON.stringify(object),
      });
    },
    [Symbol.asyncDispose]: () => dispatcher.close(),
  };
}
