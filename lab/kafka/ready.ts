import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * A request ApiVersions v0 with correlation id 1 and client id "x". A broker handles only this request before a
 * login.
 */
const apiVersionsRequest = Buffer.from([0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1, 'x'.charCodeAt(0)]);

const answerTimeoutMs = 1_000;

/** One listener of a broker. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** The CA of a TLS listener. If absent, the listener is plaintext. */
  readonly caPem?: string;
}

/** Resolves when a broker responds to ApiVersions on a listener. Rejects with the failure otherwise. */
export function answersApiVersions({ host, port, caPem }: Listener): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket: Socket = caPem === undefined ? connect(port, host) : connectTls({ port, host, ca: caPem });
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error(`no response on ${host}:${port}`)));
    socket.once(caPem === undefined ? 'connect' : 'secureConnect', () => socket.write(apiVersionsRequest));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', reject);
    // If the broker has responded already, the promise is settled, and this rejection has no effect.
    socket.once('close', () => reject(new Error(`the broker closed the connection on ${host}:${port}`)));
  });
}
