import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Exposition } from './metrics.ts';

export interface AdminOptions {
  readonly address: string;
  /** With port 0 the system picks a free port. */
  readonly port: number;
  /** Returns why the process should be restarted. Undefined if it is alive. */
  readonly liveProblem: () => string | undefined;
  /** Returns why the process is not ready, as a text for `kubectl describe`. Undefined if it is ready. */
  readonly readyProblem: () => string | undefined;
  readonly metrics: Exposition;
  /** Returns what the process is doing, one fact per line. Without this function there is no `/statusz`. */
  readonly describe?: () => readonly string[];
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /livez, /readyz and /metrics. Serves /statusz too if `describe` is given. */
export async function startAdminServer(options: AdminOptions): Promise<AdminServer> {
  const probe = (problem: string | undefined) => ({ status: problem === undefined ? 200 : 503, body: problem ?? 'ok' });
  const answer = async (path: string): Promise<{ status: number; body: string; type?: string }> => {
    if (path === '/livez') return probe(options.liveProblem());
    if (path === '/readyz') return probe(options.readyProblem());
    if (path === '/metrics') {
      return { status: 200, body: await options.metrics.render(), type: options.metrics.contentType };
    }
    if (path === '/statusz' && options.describe !== undefined)
      return { status: 200, body: options.describe().join('\n') };
    const paths = ['/livez', '/readyz', '/metrics', ...(options.describe === undefined ? [] : ['/statusz'])];
    return { status: 404, body: `try ${paths.join(', ')}` };
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    answer(path).then(
      ({ status, body, type }) => {
        response.writeHead(status, { 'content-type': type ?? 'text/plain; charset=utf-8' });
        response.end(type === undefined ? `${body}\n` : body);
      },
      (error: unknown) => {
        response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
        response.end(`${error instanceof Error ? error.message : String(error)}\n`);
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
