import { createServer, type Server } from 'node:net';

/**
 * Ports on 127.0.0.1 that nobody listens on now. All are held open until the last is found, so they differ; somebody may
 * still take one before its program binds it, so the caller must be ready to ask again.
 */
export async function findFreePorts<const Names extends readonly string[]>(
  ...names: Names
): Promise<Record<Names[number], number>> {
  const servers = await Promise.all(names.map(listen));
  const ports = servers.map(({ port }, index) => [names[index], port] as const);
  await Promise.all(servers.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(ports) as Record<Names[number], number>;
}

function listen(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('a TCP server without a port'));
      else resolve({ server, port: address.port });
    });
  });
}
