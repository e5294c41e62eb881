import { connect, type Socket } from 'node:net';

const connectTimeoutMs = 10_000;

/** Opens a TCP connection. Resolves when the connection is open. */
export function dialTcp(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error(`no connection to ${host}:${port}`)));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}
