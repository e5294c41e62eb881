import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { acceptWebSocket, type ServerSocket } from './webSocket.ts';

/** A fake pod: ready or not, and the server behind its port. */
export interface FakePod {
  readonly name: string;
  ready: boolean;
  /** URL of a server of the test. Undefined if no process listens in the pod. */
  readonly url: string | undefined;
}

/** A stand-in for an API server that serves only SumPipelines, pods and port-forwards. */
export interface FakeApiServer extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Requested paths, without port-forwards. */
  readonly asked: readonly string[];
  /** Pods to which a port was forwarded, in order. */
  readonly forwarded: readonly string[];
  /** Returns the number of WebSocket messages that came from the client. */
  messages(): number;
  /** Removes the pod: its connections break, and no list contains it any more. */
  kill(pod: string): void;
}

export interface FakeApiServerOptions {
  readonly pipelines: readonly unknown[];
  readonly pods: FakePod[];
  /** Returns a refusal to send instead of the usual response. */
  readonly refuse?: (path: string) => { code: number; reason: string; message: string } | undefined;
  /** Returns the response to other paths, as JSON or as lines of text. `call` is method and path. */
  readonly answer?: (call: string) => { json: unknown } | { lines: readonly string[] } | undefined;
}

export async function startFakeApiServer(options: FakeApiServerOptions): Promise<FakeApiServer> {
  const { pods } = options;
  const asked: string[] = [];
  const forwarded: string[] = [];
  const open = new Map<string, Set<ServerSocket>>();
  let messages = 0;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(`${request.method} ${path}`);
    response.setHeader('content-type', 'application/json');
    const refusal = options.refuse?.(path);
    const answer = options.answer?.(`${request.method} ${path}`);
    if (answer !== undefined) {
      response.end('json' in answer ? JSON.stringify(answer.json) : answer.lines.map((line) => `${line}\n`).join(''));
    } else if (refusal !== undefined) {
      response.statusCode = refusal.code;
      response.end(JSON.stringify({ kind: 'Status', ...refusal }));
    } else if (path.endsWith('/sumpipelines')) response.end(JSON.stringify({ items: options.pipelines }));
    else if (path.includes('/pods?')) {
      const items = pods.map(({ name, ready }) => ({
        metadata: { name },
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
      }));
      response.end(JSON.stringify({ items }));
    } else {
      response.statusCode = 404;
      response.end(JSON.stringify({ kind: 'Status', code: 404, reason: 'NotFound', message: `${path} not found` }));
    }
  });
  server.on('upgrade', (request, connection) => {
    const name = /\/pods\/([^/]+)\/portforward/.exec(request.url ?? '')?.[1] ?? '';
    const pod = pods.find((one) => one.name === name);
    if (pod === undefined) {
      connection.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    forwarded.push(name);
    const socket = acceptWebSocket(request, connection, 'v4.channel.k8s.io');
    const sockets = open.get(name) ?? new Set();
    open.set(name, sockets.add(socket));
    forward(socket, pod, () => (messages += 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const folder = await createTemporaryFolder();
  const kubeconfig = join(folder.path, 'kubeconfig');
  await writeFile(kubeconfig, stringify(buildKubeconfig(`http://127.0.0.1:${port}`)));
  const kill = (name: string) => {
    const at = pods.findIndex((pod) => pod.name === name);
    if (at !== -1) pods.splice(at, 1);
    for (const socket of open.get(name) ?? []) socket.destroy();
  };
  return {
    kubeconfig,
    asked,
    forwarded,
    messages: () => messages,
    kill,
    async [Symbol.asyncDispose]() {
      for (const name of open.keys()) kill(name);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await folder[Symbol.asyncDispose]();
    },
  };
}

const channels = { data: 0, error: 1 } as const;

/**
 * Forwards bytes in both directions. The first byte of a message is the number of its channel. The first message of
 * each channel contains the port.
 */
function forward(socket: ServerSocket, pod: FakePod, onMessage: () => void): void {
  const send = (channel: number, bytes: Buffer) => socket.send(Buffer.concat([Buffer.from([channel]), bytes]));
  for (const channel of Object.values(channels)) send(channel, Buffer.from([0x90, 0x1f]));
  if (pod.url === undefined) {
    send(channels.error, Buffer.from('an error occurred forwarding 8080: connection refused'));
    return;
  }
  const target = connect(Number(new URL(pod.url).port), '127.0.0.1');
  target.on('data', (bytes: Buffer) => send(channels.data, bytes));
  target.on('close', () => socket.close());
  target.on('error', () => target.destroy());
  socket.onMessage((message) => {
    onMessage();
    target.write(message.subarray(1));
  });
  socket.onClose(() => target.destroy());
}

function buildKubeconfig(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: 'shop' } }],
    clusters: [{ name: 'fake', cluster: { server } }],
    users: [{ name: 'fake', user: { token: 'none' } }],
  };
}
