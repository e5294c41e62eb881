import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { CliError, codeOf, describeChain } from '#cli/exit.ts';
import { TryAgain } from './failure.ts';

interface GrpcCall {
  /** Path of the method, such as `/sumpipeline.v1.Calculator/Add`. */
  readonly path: string;
  readonly message: Uint8Array;
  /** How long the service may work on the call, in milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** The result of a unary call: the message, or the status with the details that our services add. */
type GrpcAnswer =
  | { readonly ok: true; readonly message: Uint8Array }
  | {
      readonly ok: false;
      /** Number of the gRPC status. */
      readonly status: number;
      readonly detail: string;
      readonly code: string | undefined;
      readonly field: string | undefined;
    };

export interface GrpcChannel {
  readonly name: string;
  /** Throws TryAgain when no response came, or a CliError that ends the command. */
  unary(call: GrpcCall): Promise<GrpcAnswer>;
  close(): void;
}

export interface GrpcChannelOptions {
  readonly name: string;
  /** Makes a connection, if possible to another pod each time. */
  readonly connect: () => Promise<Duplex>;
  /** Number of connections. Calls use them in turn. */
  readonly connections: number;
}

/** The client waits this much longer (in milliseconds) than the deadline of the call: the network needs time too. */
const travelMs = 5_000;
/** Maximum size of a response in bytes. A response of a calculator is far shorter. */
const answerBytesMax = 64 * 1024;

/**
 * Makes a gRPC client for unary calls. The caller opens the connections, for instance as tunnels to pods. The package
 * @grpc/grpc-js cannot use a connection of the caller. Calls share a few connections, which makes imports fast
 * (measured, see ADR 0060).
 */
export function createGrpcChannel({ name, connect: dial, connections }: GrpcChannelOptions): GrpcChannel {
  const sessions = new Array<Promise<ClientHttp2Session> | undefined>(connections).fill(undefined);
  let turn = 0;
  let isClosed = false;

  async function openSession(at: number): Promise<ClientHttp2Session> {
    const socket = await dial();
    // Check now: a socket that broke before the listeners were added emits no further event.
    if (socket.destroyed) throw socket.errored ?? new Error('the connection was closed immediately');
    const session = connect('http://sumpipeline', { createConnection: () => socket });
    // Ignore the error here: if the connection breaks, each open call gets an error from its own stream.
    session.on('error', () => {});
    const forget = () => {
      sessions[at] = undefined;
    };
    // After the HTTP/2 frame GOAWAY open calls still get their responses, but new calls need a new connection.
    session.once('goaway', forget).once('close', forget);
    if (isClosed) session.destroy();
    return session;
  }

  async function session(): Promise<ClientHttp2Session> {
    const at = turn++ % connections;
    const open = sessions[at] ?? openSession(at);
    sessions[at] = open;
    try {
      return await open;
    } catch (error) {
      if (sessions[at] === open) sessions[at] = undefined;
      throw error;
    }
  }

  return {
    name,
    async unary(call) {
      try {
        return await exchange(await session(), call);
      } catch (error) {
        if (error instanceof CliError || error instanceof TryAgain) throw error;
        call.signal.throwIfAborted();
        const mayBeWritten = !neverSent.has(codeOf(error) ?? '');
        throw new TryAgain(`cannot reach ${name}: ${describeChain(error)}`, { mayBeWritten, cause: error });
      }
    },
    close() {
      isClosed = true;
      for (const opening of sessions) {
        opening?.then(
          (open) => open.destroy(),
          () => {}, // the connection was never made
        );
      }
    },
  };
}

/** Error codes of a connection that closed before the call was sent. */
const neverSent = new Set([
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function exchange(session: ClientHttp2Session, call: GrpcCall): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': call.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${call.deadlineMs}m`,
    });
    const waitMs = call.deadlineMs + travelMs;
    const timer = setTimeout(() => {
      stream.close(constants.NGHTTP2_CANCEL);
      // Destroy the connection, because it carries no data any more. The next attempt makes a new connection.
      session.destroy();
      reject(new TryAgain(`no response within ${waitMs} ms`, { mayBeWritten: true }));
    }, waitMs);
    const abort = () => {
      stream.close(constants.NGHTTP2_CANCEL);
      reject(call.signal.reason);
    };
    call.signal.addEventListener('abort', abort, { once: true });
    readAnswer(stream)
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        call.signal.removeEventListener('abort', abort);
      });
    stream.end(frame(call.message));
  });
}

function readAnswer(stream: ClientHttp2Stream): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let headers: Record<string, unknown> = {};
    const keep = (more: Record<string, unknown>) => {
      headers = { ...headers, ...more };
    };
    stream.on('response', keep).on('trailers', keep);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= answerBytesMax) chunks.push(chunk);
      else stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on('error', (error) => reject(isRefused(stream) ? refusal(stream) : error));
    stream.on('close', () => {
      const status = headers['grpc-status'];
      if (status === '0' && bytes >= frameHeaderBytes) {
        resolve({ ok: true, message: Buffer.concat(chunks).subarray(frameHeaderBytes) });
      } else if (status !== undefined && status !== '0') resolve(readStatus(Number(status), headers));
      else reject(refusal(stream, headers[':status']));
    });
  });
}

/** Returns whether the server promises that it did not process the call. A draining server promises it. */
function isRefused(stream: ClientHttp2Stream): boolean {
  return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
}

function refusal(stream: ClientHttp2Stream, httpStatus?: unknown): Error {
  if (isRefused(stream)) {
    return new TryAgain('the service accepts no more calls on this connection', { mayBeWritten: false });
  }
  const answered = httpStatus === undefined || httpStatus === 200 ? '' : ` (HTTP ${httpStatus})`;
  return new TryAgain(`the call ended without a response${answered}`, { mayBeWritten: true });
}

function readStatus(status: number, headers: Record<string, unknown>): GrpcAnswer {
  const text = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const detail = decodeMessage(text('grpc-message') ?? '') || `gRPC status ${status}`;
  return { ok: false, status, detail, code: text('sumpipeline-error-code'), field: text('sumpipeline-error-field') };
}

function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message; // a foreign server may send a % without a code after it
  }
}

/** Number of bytes before each message: 1 for the flag "compressed", 4 for the length of the message. */
const frameHeaderBytes = 5;

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(frameHeaderBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, frameHeaderBytes);
  return framed;
}
