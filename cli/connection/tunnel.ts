import { type Duplex, duplexPair, Writable } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import { withDeadline } from '#platform/time.ts';
import type { Cluster } from './cluster.ts';

/** What the client library hands back: a WebSocket of the `ws` package, of which we need these. */
interface ForwardSocket {
  close(): void;
  terminate?(): void;
  addEventListener(type: 'close' | 'error', listener: (event: { message?: string }) => void): void;
}

/**
 * One connection to a port of a pod, through API server and kubelet. The stream ends when the pod does; what the
 * kubelet says about it (connection refused, pod gone) becomes the stream's error.
 */
export async function forwardPort(options: {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  readonly signal: AbortSignal;
}): Promise<Duplex> {
  const { cluster, namespace, pod, port, signal } = options;
  const [near, far] = duplexPair();
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const text = chunk.toString('utf8').trim();
      if (text !== '') near.destroy(new Error(text));
      done();
    },
  });
  signal.throwIfAborted();
  // Like a socket, a tunnel without a listener must not end the process.
  near.on('error', () => {});
  far.on('error', () => {});
  const opening = new PortForward(cluster.kubeConfig).portForward(namespace, pod, [port], far, errors, far);
  const socket = (await withDeadline('opening the connection', openTimeoutMs, opening)) as ForwardSocket;
  const endBoth = (error?: Error) => {
    near.destroy(error);
    far.destroy();
  };
  socket.addEventListener('close', () => {
    // Answers that have arrived are still read; then the stream ends like a closed connection.
    if (!far.writableEnded) far.end();
  });
  // The library listens only until the connection stands; afterwards an error would be lost.
  socket.addEventListener('error', (event) => endBoth(new Error(event.message ?? 'the connection broke')));
  near.on('close', () => {
    far.destroy();
    socket.close();
    // A peer that is gone never answers the closing handshake.
    setTimeout(() => socket.terminate?.(), closeTimeoutMs).unref();
  });
  return near;
}

const openTimeoutMs = 15_000;
const closeTimeoutMs = 1_000;
