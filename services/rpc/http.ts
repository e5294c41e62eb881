import type { AddressInfo, Socket } from 'node:net';
import { type DescService, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { invalidField, SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import { withDeadline } from '#platform/time.ts';
import { type Calls, maximumTimeoutMs } from './calls.ts';
import { decodeJson } from './decode.ts';
import { type Failure, failure, failureOf, internalFailure, problemContentType, problemOf } from './failure.ts';
import type { BoundMethod } from './handlers.ts';
import { bodyBytesMax, pathParameterCharsMax, receiveTimeoutMs, shorten } from './limits.ts';
import type { HttpRoute, PathRequest } from './method.ts';
import { parseStrictJson } from './strictJson.ts';

export interface HttpOptions<Service extends DescService> {
  readonly routes: readonly HttpRoute<Service>[];
  readonly methods: ReadonlyMap<string, BoundMethod>;
  readonly calls: Calls;
  readonly address: string;
  /** With port 0 the system picks a free port. */
  readonly port: number;
  readonly logger: Logger;
}

export interface HttpServer {
  readonly port: number;
  close(withinMs: number): Promise<void>;
}

/** Header with the client's timeout in milliseconds, from 1 to 60000. */
const timeoutHeader = 'request-timeout-ms';

/** Serves the routes over HTTP. Calls the same handlers as gRPC, with messages in protobuf's JSON mapping. */
export async function startHttp<Service extends DescService>(options: HttpOptions<Service>): Promise<HttpServer> {
  const { routes, methods, calls, logger } = options;
  /** Refuses a request before a handler runs. The metrics count it without a method. */
  const refuse = (reply: FastifyReply, failed: Failure): FastifyReply => {
    calls.countRefused(failed);
    return sendFailure(reply, failed);
  };
  const app = fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: receiveTimeoutMs,
    // Check for slow clients every second: the default is 30 s.
    http: { headersTimeout: receiveTimeoutMs, connectionsCheckingInterval: 1_000 },
    routerOptions: { maxParamLength: pathParameterCharsMax },
    forceCloseConnections: 'idle',
    // While the server closes, open connections get normal responses, not fastify's own 503.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => refuse(reply, edgeFailure(error, logger)),
    clientErrorHandler: answerGarbage,
  });
  // Parse every body as JSON, so that `curl -d` works without a content type. Replace the content type first: fastify
  // would refuse an unknown one before the parser runs.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers['content-type'] !== undefined) request.headers['content-type'] = 'application/json';
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request, reply) => refuse(reply, edgeFailure(error, logger)));
  app.setNotFoundHandler((request, reply) => {
    const known = routes.map(({ verb, path }) => `${verb} ${path.replaceAll(/:(\w+)/g, '{$1}')}`).join(', ');
    return refuse(reply, failure('not-found', `${request.method} is not served on this path; use one of ${known}`));
  });
  for (const route of routes) {
    const bound = methods.get(route.method);
    if (bound === undefined) throw new Error(`route ${route.path} names ${route.method}, which the service lacks`);
    app.route({
      method: route.verb,
      url: route.path,
      handler: (request, reply) => handle({ route, bound, calls, request, reply }),
    });
  }
  await listen(app, options);
  const { port } = app.server.address() as AddressInfo;
  return { port, close: (withinMs) => close(app, withinMs, logger) };
}

interface Handling<Service extends DescService> {
  readonly route: HttpRoute<Service>;
  readonly bound: BoundMethod;
  readonly calls: Calls;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function handle<Service extends DescService>(handling: Handling<Service>): Promise<FastifyReply> {
  const { route, bound, calls, request, reply } = handling;
  const { method, handler } = bound;
  const timeout = readTimeout(request);
  const answer = await calls.run(
    {
      method: method.name,
      deadline: timeout.ok ? timeout.deadline : undefined,
      // Use the event `close` of the response: it comes when the response was sent or the client disconnected. `close`
      // of the request comes too early, when the body was read.
      onGone: (gone) => reply.raw.once('close', gone),
      trace: { traceparent: single(request, 'traceparent'), tracestate: single(request, 'tracestate') },
      span: {
        name: `${route.verb} ${route.path}`,
        attributes: { 'http.request.method': route.verb, 'http.route': route.path },
      },
    },
    async (context) => {
      if (!timeout.ok) throw timeout.error;
      return handler(decodeJson(method.input, readRequest(route, request)), context);
    },
  );
  if (!answer.ok) return sendFailure(reply, answer.failure);
  return reply
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(toJson(method.output, answer.response, { alwaysEmitImplicit: true })));
}

function single({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function readRequest<Service extends DescService>(
  { request: shape }: HttpRoute<Service>,
  request: FastifyRequest,
): JsonValue {
  if (shape.kind === 'path') return readPath(shape, request);
  refuseUnknown(readQuery(request), []);
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return parseStrictJson(body, shape.decimals);
}

function readPath(shape: PathRequest, request: FastifyRequest): JsonValue {
  const query = readQuery(request);
  refuseUnknown(query, shape.query);
  const params = Object.fromEntries(Object.entries(request.params ?? {}).map(([name, value]) => [name, String(value)]));
  return shape.build({ params, query: Object.fromEntries(query) });
}

function readQuery(request: FastifyRequest): ReadonlyMap<string, string> {
  const url = new URL(request.raw.url ?? '/', 'http://localhost');
  const query = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (query.has(name)) throw invalidField(shorten(name), 'occurs twice in the query');
    query.set(name, value);
  }
  return query;
}

function refuseUnknown(query: ReadonlyMap<string, string>, known: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const hint = known.length === 0 ? 'this path has no query parameters' : `use one of ${known.join(', ')}`;
  throw invalidField(shorten(unknown), `is not a query parameter of this path; ${hint}`);
}

function readTimeout(
  request: FastifyRequest,
): { ok: true; deadline: number | undefined } | { ok: false; error: SumError } {
  const text = request.headers[timeoutHeader];
  if (text === undefined) return { ok: true, deadline: undefined };
  const ms = typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (ms >= 1 && ms <= maximumTimeoutMs) return { ok: true, deadline: Date.now() + ms };
  return { ok: false, error: invalidField(timeoutHeader, `must be milliseconds from 1 to ${maximumTimeoutMs}`) };
}

/** Returns the failure for an error of fastify: a body that is too large, a timeout, a malformed path. */
function edgeFailure(error: unknown, logger: Logger): Failure {
  if (error instanceof SumError) return failureOf(error);
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return failure('body-too-large', `the body has more than ${bodyBytesMax} bytes; shorten it`);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return failure('malformed-json', 'the body is not as long as content-length says');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return failure('not-found', 'the path is not valid percent-encoded UTF-8, or a part of it is too long');
    default:
      if (error instanceof Error && isClientError(error)) return failure('malformed-json', error.message);
      logger.error({ error }, 'a request failed in the HTTP server');
      return internalFailure;
  }
}

/** Returns true if the HTTP status of fastify's error is 400 to 499: the request is wrong, not this service. */
function isClientError(error: Error): boolean {
  const status: unknown = Reflect.get(error, 'statusCode');
  return typeof status === 'number' && status >= 400 && status < 500;
}

/** Codes of failures that usually end within a second. Their responses have the header `retry-after: 1`. */
const passing: ReadonlySet<Failure['code']> = new Set(['queue-full', 'outcome-unknown', 'unavailable']);

function sendFailure(reply: FastifyReply, failed: Failure): FastifyReply {
  if (passing.has(failed.code)) reply.header('retry-after', '1');
  return reply
    .status(failed.httpStatus)
    .header('content-type', problemContentType)
    .send(JSON.stringify(problemOf(failed)));
}

/** Responds if a request is not HTTP, is too slow, or has too large headers. Writes to the raw socket and closes it. */
function answerGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const [line, detail] = isSlow
    ? ['408 Request Timeout', `the request did not arrive within ${receiveTimeoutMs} ms`]
    : error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the headers are too large']
      : ['400 Bad Request', 'this is not HTTP'];
  const body = JSON.stringify({ type: 'about:blank', title: line.slice(4), status: Number(line.slice(0, 3)), detail });
  socket.end(
    `HTTP/1.1 ${line}\r\ncontent-type: ${problemContentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

async function listen(app: FastifyInstance, { address, port }: { address: string; port: number }): Promise<void> {
  try {
    await app.listen({ host: address, port });
  } catch (error) {
    throw new Error(`cannot listen for HTTP on ${address}:${port}`, { cause: error });
  }
}

async function close(app: FastifyInstance, withinMs: number, logger: Logger): Promise<void> {
  try {
    await withDeadline('HTTP requests in flight', withinMs, app.close());
  } catch (error) {
    logger.warn({ error }, 'aborted HTTP requests in flight');
    app.server.closeAllConnections();
  }
}
