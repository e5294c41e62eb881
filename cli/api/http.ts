import type { Duplex } from 'node:stream';
import { Pool } from 'undici';
import { CliError, codeOf, describeChain } from '#cli/exit.ts';
import { TryAgain } from './failure.ts';
import { readProblem } from './problem.ts';

interface ServiceRequest {
  readonly method: 'GET' | 'POST';
  /** Path of the request, query included. */
  readonly path: string;
  readonly body?: unknown;
  /** Milliseconds in which the service must respond. At most `deadlineMaxMs`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Maximum deadline that the services accept, in milliseconds. */
export const deadlineMaxMs = 60_000;
/**
 * The client waits this much longer than the deadline of the request, in milliseconds, because the network and earlier
 * requests on the same connection need time too.
 */
const travelMs = 5_000;

/** A client of one of our two services. */
export interface HttpService {
  /** The name that messages show: a URL, or `default/sample-calculator`. */
  readonly name: string;
  /** Returns the parsed JSON of a 2xx response. Throws TryAgain, Refused, or a CliError that ends the command. */
  request(request: ServiceRequest): Promise<unknown>;
  close(): Promise<void>;
}

export interface HttpServiceOptions {
  readonly name: string;
  /** URL of the service, such as `http://host:port`. If it has a path, the path of the API is appended to that path. */
  readonly baseUrl: string;
  /** Makes a connection to the service. Default: dials the host of `baseUrl`. */
  readonly connect?: () => Promise<Duplex>;
  /** Maximum number of connections. */
  readonly connections: number;
}

/**
 * Maximum size of a response in bytes. A page of 1000 totals is below 1 MB, so a longer response is not from our
 * services.
 */
const answerBytesMax = 16 * 1024 * 1024;
/** Maximum time to make a connection, in milliseconds. */
const connectTimeoutMs = 10_000;

export function createHttpService(options: HttpServiceOptions): HttpService {
  const url = new URL(options.baseUrl);
  const { connect } = options;
  const pool = new Pool(url.origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    maxResponseSize: answerBytesMax,
    connect:
      connect === undefined
        ? { timeout: connectTimeoutMs }
        : (_options, callback) => {
            connect().then(
              // The type of undici requires a net.Socket, but undici uses it only as a Duplex.
              (socket) => callback(null, socket as import('node:net').Socket),
              (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
            );
          },
  });
  const basePath = url.pathname.replace(/\/$/, '');
  return {
    name: options.name,
    request: async ({ method, path, body, deadlineMs, signal }) => {
      const answer = await exchange(options.name, async () => {
        const response = await pool.request({
          method,
          path: `${basePath}${path}`,
          headers: {
            'request-timeout-ms': String(deadlineMs),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          body: body === undefined ? null : JSON.stringify(body),
          headersTimeout: deadlineMs + travelMs,
          bodyTimeout: deadlineMs + travelMs,
          // This must be false: otherwise undici sends the next request of a connection only after this response,
          // despite `pipelining`.
          blocking: false,
          signal,
        });
        const retryAfter = response.headers['retry-after'];
        return {
          status: response.statusCode,
          retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
          body: await response.body.text(),
        };
      });
      if (answer.status < 200 || answer.status > 299) throw readProblem(answer);
      return parseJson(options.name, answer.body);
    },
    close: () => pool.destroy(),
  };
}

/** Calls `run` to send a request. Throws TryAgain for a network failure. Rethrows CliError and the error of Ctrl-C. */
async function exchange<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CliError || error instanceof TryAgain) throw error;
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw new TryAgain(`cannot reach ${name}: ${describeChain(error)}`, {
      mayBeWritten: !neverSent.has(codeOf(error) ?? ''),
      cause: error,
    });
  }
}

/** Codes of errors after which we know that no connection was made, so nothing was sent. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

function parseJson(name: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new CliError(1, `${name} sent a response that is not JSON: ${body.slice(0, 120)}`, {
      hint: 'Check that the URL is the HTTP port of a calculator or an aggregator.',
      cause: error,
    });
  }
}
