import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below Linux's range for outgoing connections (32768 up) and Kubernetes' node ports (30000 up), so that neither a
 * client's own socket nor a Service takes the port between our check and the server's bind.
 */
const lowest = 15_000;
const highest = 29_999;

/**
 * A port that is free at `host` just now. Two callers may still race: a server that cannot bind asks for another port.
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
