import { Duplex } from 'node:stream';
import { withDeadline } from '#platform/time.ts';
import type { Cluster } from './cluster.ts';

/** Maximum time to open a tunnel, in milliseconds. */
const openTimeoutMs = 15_000;
/** Maximum time for the closing handshake of a tunnel, in milliseconds. */
const closeTimeoutMs = 1_000;

/**
 * Opens one connection to a port of a pod, through API server and kubelet. The stream ends when the pod ends. What the
 * kubelet reports (connection refused, pod gone) becomes the stream's error.
 */
export async function forwardPort(options: {
  readonly cluster: Pick<Cluster, 'credentials'>;
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  readonly signal: AbortSignal;
}): Promise<Duplex> {
  const { cluster, namespace, pod, port, signal } = options;
  signal.throwIfAborted();
  const { openPortForward, toMessage } = await import('./portForward.ts');
  const tunnel = createTunnel((bytes) => socket.send(toMessage(bytes)));
  const opening = openPortForward(await cluster.credentials(signal), { namespace, pod, port }, (channel, bytes) => {
    const text = channel === 'error' ? bytes.toString('utf8').trim() : '';
    if (channel === 'data') tunnel.push(bytes);
    else if (text !== '') tunnel.destroy(new Error(text));
  });
  // Close a connection that opens after the deadline. Ignore errors here, because `withDeadline` reports them.
  let isLate = false;
  opening.then((late) => isLate && late.terminate()).catch(() => {});
  const socket = await withDeadline('opening the connection', openTimeoutMs, opening).catch((error: unknown) => {
    isLate = true;
    throw error;
  });
  // End the stream after the responses that have already arrived, as a closed connection does.
  socket.addEventListener('close', () => tunnel.push(null));
  // The library listens only until the connection is open. Without this listener a later error would be lost.
  socket.addEventListener('error', (event) => tunnel.destroy(new Error(event.message ?? 'the connection broke')));
  const close = () => {
    socket.close();
    // A peer that is gone never answers the closing handshake.
    setTimeout(() => socket.terminate(), closeTimeoutMs).unref();
  };
  // If the kubelet has already reported an error, the tunnel is closed and emits no further 'close'.
  if (tunnel.closed) close();
  else tunnel.on('close', close);
  return tunnel;
}

/**
 * Makes a stream that joins all writes of one turn of the event loop into one chunk. Each chunk is a WebSocket message
 * through API server, kubelet and container runtime, and a request consists of two small writes (measured, see ADR
 * 0060).
 */
function createTunnel(send: (bytes: readonly Buffer[]) => void): Duplex {
  let gathered: Buffer[] = [];
  const flush = () => {
    const bytes = gathered;
    gathered = [];
    if (!tunnel.destroyed) send(bytes);
  };
  const tunnel = new Duplex({
    read() {
      // Nothing to do: each response is pushed when it arrives. Responses that wait use little memory, because the
      // number of requests in flight is limited.
    },
    write(chunk: Buffer, _encoding, done) {
      if (gathered.length === 0) setImmediate(flush);
      gathered.push(chunk);
      done();
    },
  });
  // Without this listener an error of the tunnel would end the process.
  tunnel.on('error', () => {});
  return tunnel;
}
