import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Minimum of the chosen ports. The ports are below Linux's range for outgoing connections (from 32768) and
 * Kubernetes' node ports (from 30000). So no client's socket and no Service takes a port between our check and the
 * server's bind.
 */
const lowest = 15_000;
const highest = 29_999;

/**
 * Finds a port that is free at `host` now. If another process takes the port before the caller does, call this again.
 */
export async function findFreePort(host: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(lowest, highest + 1);
    if (await isPortFree(host, port)) return port;
  }
  throw new Error(`found no free port on ${host} between ${lowest} and ${highest} in 200 tries`);
}

export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new Error(`cannot listen on ${host}: ${error.message}`, { cause: error }));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
