import { connect } from 'node:net';

/** ApiVersions v0 with correlation id 1 and client id "x": the one request that a broker answers before anything else. */
const apiVersionsRequest = Buffer.from([0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1, 'x'.charCodeAt(0)]);

const answerTimeoutMs = 1_000;

/** True when a broker answers ApiVersions on a PLAINTEXT listener; rejects with what happened instead. */
export function answersApiVersions(host: string, port: number): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer to ApiVersions')));
    socket.once('connect', () => socket.write(apiVersionsRequest));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', reject);
    // After resolve or reject this has no effect.
    socket.once('close', () => reject(new Error('the broker closed the connection')));
  });
}
