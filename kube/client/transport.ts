import { isIP } from 'node:net';
import { checkServerIdentity, getCACertificates, type PeerCertificate } from 'node:tls';
import type { Attributes } from '@opentelemetry/api';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import { activeCarrier, inClientSpan } from '#platform/tracing/spans.ts';
import type { CredentialSource, Credentials, TlsMaterial } from './credentials.ts';
import { errorFromNetwork, errorFromStatus, type RequestContext } from './errors.ts';

type RequestMetrics = Pick<RuntimeMetrics, 'rest_client_requests_total' | 'rest_client_request_duration_seconds'>;

export interface TransportOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  /** Metrics of the requests. Absent in a program that ends after a few requests, such as sumctl. */
  readonly metrics?: RequestMetrics;
  /** Name in the audit log of the API server, such as `sumpipeline-operator/0.1.0`. */
  readonly userAgent: string;
  /** Time limit of a request from its start to the last byte, ms. Default 30,000. */
  readonly timeoutMs?: number;
  /**
   * Maximum size of a response, bytes. Default 64 MiB, which is enough for a page of 500 objects of 128 KiB each. etcd
   * refuses single objects above 1.5 MiB.
   */
  readonly bodyBytesMax?: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path without query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** If true, `body` of the response is text, for a path such as /readyz. Default false: `body` is parsed JSON. */
  readonly isText?: boolean;
  /** Verb, kind and object, for errors and metrics. */
  readonly context: RequestContext;
  readonly signal?: AbortSignal | undefined;
  /** Replaces the `timeoutMs` of the transport. For a stream it is the maximum time from its start to its end. */
  readonly timeoutMs?: number | undefined;
}

export interface StreamRequest extends HttpRequest {
  /** Maximum time between two chunks, ms. If no chunk arrives within this time, the stream fails. */
  readonly silenceMs: number;
  /** Called when the server accepted the request. */
  readonly onOpen?: (() => void) | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** Parsed JSON, or text if the request has `isText`. */
  readonly body: unknown;
}

export interface Transport {
  /**
   * Sends one request and reads one response. Throws KubernetesError if the status is not 2xx. If the signal aborts,
   * throws its reason.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Yields the body as it arrives. Returns when the server ends it, throws when it breaks. */
  stream(request: StreamRequest): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Creates the HTTP transport to one API server, directly or through a proxy. It uses one undici Agent with keep-alive
 * connections and HTTP/1.1 (docs/adr/0030). Every wait and every body has a limit. Credentials are loaded again after
 * 10 s and after a 401.
 */
export function createTransport(options: TransportOptions): Transport {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const bodyBytesMax = options.bodyBytesMax ?? 64 * 1024 * 1024;
  const connections = connectionKeeper(options);

  async function send(request: HttpRequest, deadline: Deadline, bodyTimeout: number): Promise<Dispatcher.ResponseData> {
    for (let attempt = 0; ; attempt += 1) {
      const { agent, credentials } = await orAborted(deadline.signal, connections.current);
      const base = new URL(credentials.server);
      const started = options.clock.monotonicMs();
      const response = await orAborted(deadline.signal, () =>
        agent.request({
          origin: base.origin,
          path: `${base.pathname.replace(/\/$/, '')}${request.path}${queryOf(request.query)}`,
          method: request.method,
          headers: {
            accept: 'application/json',
            'user-agent': options.userAgent,
            ...activeCarrier(),
            ...credentials.headers,
            ...request.headers,
          },
          body: request.body ?? null,
          signal: deadline.signal,
          headersTimeout: timeoutMs,
          bodyTimeout,
        }),
      );
      const seconds = (options.clock.monotonicMs() - started) / 1000;
      const labels = { verb: request.context.verb, code: response.statusCode };
      options.metrics?.rest_client_requests_total.inc(labels);
      options.metrics?.rest_client_request_duration_seconds.observe({ verb: request.context.verb }, seconds);
      if (response.statusCode !== 401 || attempt > 0) return response;
      // The token may have been replaced since we loaded it. The server did not carry out the request, so retry once
      // with new credentials.
      await response.body.dump();
      connections.refuseCredentials(credentials);
    }
  }

  async function withErrors<R>(request: HttpRequest, deadline: Deadline, work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      throw networkError(error, request, deadline);
    }
  }

  function networkError(error: unknown, request: HttpRequest, deadline: Deadline): unknown {
    if (request.signal?.aborted) return request.signal.reason;
    options.metrics?.rest_client_requests_total.inc({ verb: request.context.verb, code: '<error>' });
    return errorFromNetwork(deadline.signal.aborted ? deadline.signal.reason : error, request.context);
  }

  async function refusal(response: Dispatcher.ResponseData, request: HttpRequest): Promise<Error> {
    const text = await readText(response.body, bodyBytesMax);
    const retryAfter = response.headers['retry-after'];
    return errorFromStatus({
      status: response.statusCode,
      body: parseJson(text) ?? text,
      retryAfterHeader: typeof retryAfter === 'string' ? retryAfter : undefined,
      request: request.context,
    });
  }

  async function requestOnce(request: HttpRequest): Promise<HttpAnswer> {
    const deadline = startDeadline(options.clock, request.timeoutMs ?? timeoutMs, request.signal);
    try {
      const { response, text, refused } = await withErrors(request, deadline, async () => {
        const response = await send(request, deadline, timeoutMs);
        if (response.statusCode >= 300) return { response, text: '', refused: await refusal(response, request) };
        return { response, text: await readText(response.body, bodyBytesMax), refused: undefined };
      });
      if (refused !== undefined) throw refused;
      const body = request.isText === true ? text : parseJson(text);
      if (body === undefined) throw networkError(new Error('the response is not JSON'), request, deadline);
      return { status: response.statusCode, body };
    } finally {
      deadline.end();
    }
  }

  return {
    request: (request) =>
      inClientSpan(`${request.method} ${request.context.kind}`, attributesOf(request), async (span) => {
        const answer = await requestOnce(request);
        span?.setAttribute('http.response.status_code', answer.status);
        return answer;
      }),

    async *stream(request) {
      const deadline = startDeadline(options.clock, request.timeoutMs ?? timeoutMs, request.signal);
      try {
        const response = await withErrors(request, deadline, () => send(request, deadline, request.silenceMs));
        if (response.statusCode >= 300) throw await withErrors(request, deadline, () => refusal(response, request));
        request.onOpen?.();
        const chunks: AsyncIterator<Uint8Array> = response.body[Symbol.asyncIterator]();
        try {
          for (;;) {
            const next = await withErrors(request, deadline, () => chunks.next());
            if (next.done === true) return;
            yield next.value;
          }
        } finally {
          // If the caller leaves the stream early, close the connection. Otherwise the server would continue to send.
          response.body.destroy();
        }
      } finally {
        deadline.end();
      }
    },

    close: () => connections.close(),
  };
}

function attributesOf({ method, path }: HttpRequest): Attributes {
  return { 'http.request.method': method, 'url.path': path };
}

/** Loads credentials at most every 10 s. Keeps one Agent while TLS material and proxy do not change. */
function connectionKeeper(options: TransportOptions) {
  /** The last load. `value` is set when the credentials have been loaded. */
  let loaded: { at: number; credentials: Promise<Credentials>; value?: Credentials } | undefined;
  let isRefused = false;
  let agent: { key: string; instance: Dispatcher } | undefined;
  const retired = new Set<Dispatcher>();

  async function current(): Promise<{ agent: Dispatcher; credentials: Credentials }> {
    const now = options.clock.monotonicMs();
    if (loaded === undefined || now - loaded.at > credentialsTtlMs) {
      const entry: NonNullable<typeof loaded> = { at: now, credentials: options.credentials.load(isRefused) };
      loaded = entry;
      isRefused = false;
      entry.credentials.then(
        (value) => {
          entry.value = value;
        },
        () => {
          if (loaded === entry) loaded = undefined;
        },
      );
    }
    const credentials = await loaded.credentials;
    const key = JSON.stringify([credentials.tls, credentials.proxy]);
    if (agent?.key !== key) {
      const previous = agent?.instance;
      agent = { key, instance: newAgent(credentials) };
      // Running requests keep the old certificate until they end. The longest requests are watches, and every watch
      // has a time limit.
      if (previous !== undefined) {
        retired.add(previous);
        previous.close(() => retired.delete(previous));
      }
    }
    return { agent: agent.instance, credentials };
  }

  return {
    current,
    /**
     * Drops credentials after a 401, unless newer credentials were loaded after `used`: a 401 for an old token may
     * come late.
     */
    refuseCredentials(used: Credentials) {
      if (loaded?.value !== used) return;
      loaded = undefined;
      isRefused = true;
    },
    async close() {
      options.credentials.close?.();
      const agents = [...retired, ...(agent === undefined ? [] : [agent.instance])];
      agent = undefined;
      await Promise.all(agents.map((open) => open.destroy()));
    },
  };
}

/**
 * Credentials are loaded again after this time. 10 s is enough: an old ServiceAccount token stays valid for minutes.
 */
const credentialsTtlMs = 10_000;

function newAgent({ server, proxy, tls }: Credentials): Dispatcher {
  const usesTls = server.startsWith('https:') || proxy?.startsWith('https:') === true;
  const connect = usesTls ? { ...tlsOptions(tls), ...keepAlive } : keepAlive;
  const common = {
    allowH2: false,
    // Maximum number of connections. Every watch needs one, and all other requests share a few. An operator watches
    // about 20 kinds, so 128 is reached only if connections leak.
    connections: 128,
    pipelining: 1,
    // The API server closes idle connections after 90 s. Close them earlier, so that we never send a request on a
    // connection that the server is closing.
    keepAliveTimeout: 60_000,
    keepAliveMaxTimeout: 60_000,
    connectTimeout: 10_000,
  };
  if (proxy === undefined) return new Agent({ ...common, connect });
  const socks = /^socks5h?:/i;
  // Do not set `proxyTls` for a SOCKS proxy: undici would use TLS for the connection to the proxy.
  if (socks.test(proxy))
    return new ProxyAgent({ ...common, uri: proxy.replace(socks, 'socks5:'), requestTls: connect });
  // Use the TLS settings of the server also for a proxy with an https URL, as Go does.
  return new ProxyAgent({ ...common, uri: proxy, requestTls: connect, proxyTls: connect });
}

// TCP keep-alive: the first probe comes after 15 idle seconds, then ten probes one second apart (fixed by Node). So a
// peer that disappeared without closing is noticed after about 25 s, also during a watch.
const keepAlive = { keepAlive: true, keepAliveInitialDelay: 15_000 };

export function tlsOptions({ ca, servername, ...tls }: TlsMaterial) {
  return {
    ...tls,
    ...(tls.rejectUnauthorized ? { ca: ca ?? machineCas() } : {}),
    ...(servername === undefined ? {} : namedServer(servername)),
  };
}

/** Returns options for tls-server-name. An IP address is only checked in the certificate, never sent (RFC 6066). */
function namedServer(servername: string) {
  if (isIP(servername) === 0) return { servername };
  return {
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(servername, certificate),
  };
}

/**
 * Returns the certificate authorities of the machine, as kubectl uses them. Undefined if the machine has none: in this
 * case Node uses its built-in certificate authorities.
 */
export function machineCas(): string[] | undefined {
  const certificates = getCACertificates('system');
  return certificates.length === 0 ? undefined : certificates;
}

interface Deadline {
  readonly signal: AbortSignal;
  end(): void;
}

/** Returns a signal that aborts with the caller's signal or after `ms`. `end` removes the listener and the timer. */
function startDeadline(clock: Clock, ms: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const cancel = clock.after(ms, () => controller.abort(new TimeoutError(ms)));
  const abort = () => controller.abort(caller?.reason);
  if (caller?.aborted) abort();
  caller?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      cancel();
      caller?.removeEventListener('abort', abort);
    },
  };
}

/**
 * Rejects as soon as the signal aborts, even if `begin` ignores the signal. Exec plugins ignore the signal. undici
 * ignores it while it connects, for up to 10 s, and does not send the request afterwards.
 */
export async function orAborted<V>(signal: AbortSignal, begin: () => Promise<V>): Promise<V> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([begin(), aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

class TimeoutError extends Error {
  readonly code = 'Timeout';
  constructor(ms: number) {
    super(`not finished after ${ms} ms`);
    this.name = 'TimeoutError';
  }
}

async function readText(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`the response is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller decides what a response without JSON means.
    return undefined;
  }
}

function queryOf(query: HttpRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? '' : `?${parameters}`;
}
