import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type AddRequest, AddRequestSchema, AddResponseSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';

/** How the fake handles a call: acknowledge it at an offset, refuse it, cut the connection, or send nothing. */
export type GrpcReply =
  | { readonly offset: number; readonly replayed?: boolean }
  | { readonly status: number; readonly code?: string; readonly message: string }
  | 'drop'
  | 'goaway'
  | 'silence';

export interface FakeGrpc extends AsyncDisposable {
  /** `grpc://127.0.0.1:port`. */
  readonly url: string;
  readonly calls: readonly AddRequest[];
  /** Returns the number of connections made. */
  connections(): number;
}

/** Starts a stand-in for the gRPC API of a calculator. It knows only Add, and sends only the responses of the test. */
export async function startFakeGrpc(reply: (request: AddRequest) => GrpcReply): Promise<FakeGrpc> {
  const calls: AddRequest[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let connections = 0;
  const server: Http2Server = createServer();
  server.on('session', (session) => {
    connections += 1;
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] !== '/sumpipeline.v1.Calculator/Add') {
      answer(stream, { status: 12, message: 'unimplemented' }, '');
      return;
    }
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (stream.destroyed) return;
      const request = fromBinary(AddRequestSchema, Buffer.concat(chunks).subarray(5));
      calls.push(request);
      answer(stream, reply(request), request.requestId, request.series);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `grpc://127.0.0.1:${port}`,
    calls,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(stream: ServerHttp2Stream, reply: GrpcReply, requestId: string, series = ''): void {
  if (reply === 'silence' || stream.destroyed) return;
  if (reply === 'drop') {
    stream.session?.destroy();
    return;
  }
  if (reply === 'goaway') {
    stream.session?.goaway();
    answer(stream, { offset: 0 }, requestId, series);
    return;
  }
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  if ('status' in reply) {
    const { status, message, code } = reply;
    stream.respond(
      {
        ...headers,
        'grpc-status': String(status),
        'grpc-message': encodeURIComponent(message),
        ...(code === undefined ? {} : { 'sumpipeline-error-code': code }),
      },
      { endStream: true },
    );
    return;
  }
  const message = toBinary(
    AddResponseSchema,
    create(AddResponseSchema, {
      requestId,
      series,
      result: '3',
      position: { partition: 0, offset: BigInt(reply.offset), logEpoch: 1 },
      replayed: reply.replayed ?? false,
    }),
  );
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame);
}
