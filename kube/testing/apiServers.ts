import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { type TLSSocket, TLSSocket as TlsSocket } from 'node:tls';
import { type Certificate, type CertificateAuthority, createCa } from '#lab/certificates/pki.ts';

/** One request as a server saw it. Fields that the request did not have are left out. */
export interface Seen {
  readonly server: 'a' | 'b' | 'plain';
  readonly path: string;
  readonly authorization?: string;
  /** Impersonation headers such as `impersonate-user: jane`, sorted. */
  readonly impersonate?: readonly string[];
  /** CN of the client's certificate. */
  readonly certificate?: string;
  /** The name in the TLS handshake. */
  readonly sni?: string;
  readonly body?: string;
}

/** Two API servers with TLS, one without TLS, and a proxy of each kind. All record the requests that they got. */
export interface ApiServers extends AsyncDisposable {
  readonly ca: CertificateAuthority;
  readonly client: Certificate;
  readonly urls: Readonly<Record<'a' | 'b' | 'plain' | 'http' | 'https' | 'socks5', string>>;
  readonly ports: Readonly<Record<'a' | 'b' | 'plain', number>>;
  /** A host name that only the proxies know. They connect every name to the test server, so no DNS is needed. */
  readonly name: string;
  /** Returns the requests since the last call, and a text such as `http user:password` for each use of a proxy. */
  take(): { requests: Seen[]; proxies: string[] };
}

/** Names in the certificates of both servers with TLS. */
const altNames = ['127.0.0.1', 'localhost', 'kube.test', 'api.kube.test'];

export async function startApiServers(): Promise<ApiServers> {
  await using stack = new AsyncDisposableStack();
  const ca = await createCa('test');
  const client = await ca.issue({ commonName: 'jane', organizations: ['team'], usages: ['client'] });
  let requests: Seen[] = [];
  let proxies: string[] = [];
  const answerAs = (server: Seen['server']) => async (request: IncomingMessage, response: ServerResponse) => {
    requests.push(await describe(server, request));
    // `kubectl auth can-i --list` needs a `status` in the response.
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ server, status: { resourceRules: [], nonResourceRules: [], incomplete: false } }));
  };
  const serverOptions = async (names: readonly string[]) => {
    const { certPem, keyPem } = await ca.issue({ commonName: 'api', altNames: names, usages: ['server'] });
    return { cert: certPem, key: keyPem, ca: ca.certPem, requestCert: true, rejectUnauthorized: false };
  };
  const a = await listen(stack, createTlsServer(await serverOptions(altNames), answerAs('a')));
  const b = await listen(stack, createTlsServer(await serverOptions(altNames), answerAs('b')));
  const plain = await listen(stack, createServer(answerAs('plain')));
  const note = (kind: string, authorization: string | undefined) => {
    const [, credentials = ''] = authorization?.split(' ') ?? [];
    proxies.push([kind, Buffer.from(credentials, 'base64').toString()].filter((part) => part !== '').join(' '));
  };
  const http = await listen(
    stack,
    proxyTo(a, plain, createServer(), (auth) => note('http', auth)),
  );
  const https = await listen(
    stack,
    proxyTo(a, plain, createTlsServer(await serverOptions(altNames)), (auth) => note('https', auth)),
  );
  const socks5 = await listen(
    stack,
    createTcpServer((socket) => serveSocks(socket, a, () => note('socks5', undefined))),
  );
  const owned = stack.move();
  return {
    ca,
    client,
    ports: { a, b, plain },
    urls: {
      a: `https://127.0.0.1:${a}`,
      b: `https://127.0.0.1:${b}`,
      plain: `http://127.0.0.1:${plain}`,
      http: `http://127.0.0.1:${http}`,
      https: `https://127.0.0.1:${https}`,
      socks5: `socks5://127.0.0.1:${socks5}`,
    },
    name: 'kube.test',
    take() {
      const taken = { requests, proxies };
      requests = [];
      proxies = [];
      return taken;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function listen(
  stack: AsyncDisposableStack,
  server: Server | ReturnType<typeof createTlsServer> | ReturnType<typeof createTcpServer>,
): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

async function describe(server: Seen['server'], request: IncomingMessage): Promise<Seen> {
  const { socket, url = '', headersDistinct } = request;
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const tls = socket instanceof TlsSocket ? describeTls(socket) : {};
  const impersonate = Object.entries(headersDistinct)
    .filter(([name]) => name.startsWith('impersonate-'))
    .flatMap(([name, values = []]) => values.map((value) => `${name}: ${Buffer.from(value, 'latin1').toString()}`))
    .sort();
  return {
    server,
    path: url,
    ...(request.headers.authorization === undefined ? {} : { authorization: request.headers.authorization }),
    ...(impersonate.length === 0 ? {} : { impersonate }),
    ...tls,
    ...(body === '' ? {} : { body }),
  };
}

function describeTls(socket: TLSSocket): { certificate?: string; sni?: string } {
  const { subject } = socket.getPeerCertificate();
  const sni = 'servername' in socket && typeof socket.servername === 'string' ? socket.servername : '';
  return { ...(subject === undefined ? {} : { certificate: String(subject.CN) }), ...(sni === '' ? {} : { sni }) };
}

/**
 * Makes `server` an HTTP proxy: it connects each CONNECT to server a and forwards other requests to the plain server.
 */
function proxyTo<S extends Server | ReturnType<typeof createTlsServer>>(
  tlsPort: number,
  plainPort: number,
  server: S,
  note: (authorization: string | undefined) => void,
): S {
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    note(request.headers['proxy-authorization']);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    join(socket, tlsPort);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    note(request.headers['proxy-authorization']);
    const { pathname } = new URL(request.url ?? '');
    const onward = httpRequest({ port: plainPort, path: pathname, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  return server;
}

/** Serves the part of SOCKS 5 (RFC 1928) that a client without a password needs. */
function serveSocks(socket: Socket, port: number, note: () => void): void {
  socket.once('data', () => {
    socket.write(Buffer.from([5, 0]));
    socket.once('data', () => {
      note();
      socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
      join(socket, port);
    });
  });
}

function join(socket: Socket, port: number): void {
  const onward = connect(port, '127.0.0.1');
  onward.on('error', () => socket.destroy());
  socket.on('error', () => onward.destroy());
  onward.pipe(socket).pipe(onward);
}
