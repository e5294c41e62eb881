import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
// Import one file of the library. Its index loads every API group and takes a third of a second.
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import type { Credentials } from '#kube/client/credentials.ts';
import { tlsOptions } from '#kube/client/transport.ts';

/** The parts that we use of the WebSocket (package `ws`) that the library returns. */
export interface ForwardSocket {
  send(bytes: Uint8Array): void;
  close(): void;
  terminate(): void;
  addEventListener(type: 'close' | 'error', listener: (event: { message?: string }) => void): void;
}

/**
 * The first byte of each message is the number of a channel. Channel `data` has the bytes of the connection, channel
 * `error` has an error text of the kubelet.
 */
const channels = { data: 0, error: 1 } as const;

/** Length of the port number at the start of each channel, in bytes. */
const portBytes = 2;

/**
 * Opens a port of a pod through the client library's WebSocket. Server, TLS, proxy and headers are the same as in every
 * other request. Calls `receive` for the bytes that arrive. Rejects with the error of the connection, or of the upgrade
 * to a WebSocket. Import this file only to open a tunnel.
 */
export async function openPortForward(
  credentials: Credentials,
  target: { readonly namespace: string; readonly pod: string; readonly port: number },
  receive: (channel: keyof typeof channels, bytes: Buffer) => void,
): Promise<ForwardSocket> {
  const handler = new WebSocketHandler((await configOf(credentials)) as KubeConfig);
  const { namespace, pod, port } = target;
  const begun = new Set<number>();
  const opening = handler.connect(
    `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`,
    null,
    (number, message) => {
      const bytes = begun.has(number) ? message : message.subarray(portBytes);
      begun.add(number);
      if (number === channels.data) receive('data', bytes);
      else if (number === channels.error) receive('error', bytes);
      // Return false for a message on an unknown channel. The library then ends the connection.
      return number <= channels.error;
    },
  );
  try {
    return (await opening) as ForwardSocket;
  } catch (error) {
    // The library rejects with an event. The error is a property of the event.
    throw (error as { error?: unknown }).error ?? error;
  }
}

/** Returns the message that sends the bytes to the pod. */
export function toMessage(bytes: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(channels.data), ...bytes]);
}

/** The part of a KubeConfig that the handler reads. */
type HandlerConfig = Pick<KubeConfig, 'getCurrentCluster' | 'applyToHTTPSOptions'>;

async function configOf(credentials: Credentials): Promise<HandlerConfig> {
  const { server, proxy, tls, headers } = credentials;
  if (proxy !== undefined) return (await import('./libraryConfig.ts')).toLibraryConfig({ ...credentials, proxy });
  return {
    getCurrentCluster: () => ({ name: 'found', server, skipTLSVerify: !tls.rejectUnauthorized }),
    async applyToHTTPSOptions(options: RequestOptions) {
      Object.assign(options, tlsOptions(tls), { headers: { ...headers } });
    },
  };
}
