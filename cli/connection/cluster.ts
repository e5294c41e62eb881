import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { CliError, describeChain, exitCodes, usageError } from '#cli/exit.ts';

interface ClusterRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

/** A Kubernetes API server, as one user. */
export interface Cluster {
  /** Of the kubeconfig; for messages. */
  readonly context: string;
  /** Of the context, else `default`. */
  readonly namespace: string;
  /** For the port-forward, which the client library does. */
  readonly kubeConfig: KubeConfig;
  /** Parsed JSON of a 2xx answer; throws ClusterRefused, or CliError when there is no answer. */
  request(request: ClusterRequest): Promise<unknown>;
  /**
   * Lines of an answer that grows, such as the log of a pod that is followed, until it ends. Throws as `request` does, and
   * what the connection throws when it breaks.
   */
  lines(request: Pick<ClusterRequest, 'path' | 'query' | 'signal'>): AsyncIterable<string>;
}

/** The API server said no. The message is its own. */
export class ClusterRefused extends Error {
  readonly status: number;
  /** `NotFound`, `Forbidden`, `Invalid` ... */
  readonly reason: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];

  constructor(status: number, answer: z.output<typeof statusSchema>) {
    super(answer.message ?? `HTTP ${status}`);
    this.name = 'ClusterRefused';
    this.status = status;
    this.reason = answer.reason ?? '';
    this.causes = answer.details?.causes?.map(({ field = '', message = '' }) => ({ field, message })) ?? [];
  }
}

const statusSchema = z.object({
  message: z.string().optional(),
  reason: z.string().optional(),
  details: z
    .object({
      causes: z.array(z.object({ field: z.string().optional(), message: z.string().optional() })).optional(),
    })
    .nullish(),
});

const requestTimeoutMs = 30_000;
/** A list of SumPipelines or of a pipeline's pods; anything larger is not what was asked for. */
const answerBytesMax = 32 * 1024 * 1024;

export interface LoadOptions {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** The option of the verb that does without Kubernetes, where there is one; for the hint. */
  readonly instead?: string | undefined;
}

/** Reads the kubeconfig as kubectl does: --kubeconfig, KUBECONFIG, ~/.kube/config, the pod's own service account. */
export function loadCluster(options: LoadOptions): Cluster {
  const kubeConfig = loadKubeConfig(options);
  if (options.context !== undefined) kubeConfig.setCurrentContext(options.context);
  const { context, namespace, server } = readContext(kubeConfig, options);
  const explain = (error: unknown, signal: AbortSignal): CliError => {
    signal.throwIfAborted();
    return new CliError(exitCodes.unreachable, `cannot reach the API server ${server}: ${describeChain(error)}`, {
      hint: `The context is "${context}". Try: kubectl --context ${context} version`,
      cause: error,
    });
  };
  return {
    context,
    namespace,
    kubeConfig,
    async request(request) {
      const answer = await send(kubeConfig, server, request).catch((error: unknown) => {
        throw explain(error, request.signal);
      });
      if (isOk(answer.status)) return JSON.parse(answer.body);
      throw toRefusal(answer.status, answer.body, context);
    },
    async *lines(request) {
      const answer = await open(kubeConfig, server, { method: 'GET', ...request }).catch((error: unknown) => {
        throw explain(error, request.signal);
      });
      const status = answer.statusCode ?? 0;
      if (!isOk(status)) throw toRefusal(status, await readBody(answer), context);
      // Nothing may be said for long while the other side works.
      answer.socket.setTimeout(0);
      yield* readLines(answer);
    },
  };
}

function readContext(kubeConfig: KubeConfig, options: LoadOptions) {
  const context = kubeConfig.getCurrentContext();
  const found = kubeConfig.getContextObject(context);
  const has = (entries: readonly { name: string }[] | null) =>
    `It has: ${entries?.map(({ name }) => name).join(', ') || 'none'}`;
  if (found === null) {
    if (context === '' || context === undefined) {
      throw usageError(
        'the kubeconfig has no current context',
        'Choose one with --context, or kubectl config use-context.',
      );
    }
    const which = options.context === undefined ? ', which it calls its current one' : '';
    throw usageError(`the kubeconfig has no context "${context}"${which}`, has(kubeConfig.getContexts()));
  }
  const server = kubeConfig.getCluster(found.cluster)?.server;
  if (server === undefined) {
    throw usageError(
      `the context "${context}" is of the cluster "${found.cluster}", which the kubeconfig lacks`,
      has(kubeConfig.getClusters()),
    );
  }
  return { context, namespace: found.namespace ?? 'default', server };
}

/** What the library makes up when it found nothing. The server alone would do for a cluster of somebody's. */
const madeUp = { context: 'loaded-context', server: 'http://localhost:8080' } as const;

function loadKubeConfig({ kubeconfig: file, instead }: LoadOptions): KubeConfig {
  const kubeConfig = new KubeConfig();
  try {
    if (file === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(file);
  } catch (error) {
    throw usageError(`the kubeconfig cannot be read: ${describeChain(error)}`, 'Name another with --kubeconfig.');
  }
  const server = kubeConfig.getCurrentCluster()?.server;
  if (kubeConfig.getCurrentContext() === madeUp.context && server === madeUp.server) {
    const without = instead === undefined ? '' : `, or do without Kubernetes: ${instead}`;
    throw usageError('there is no kubeconfig, so no cluster to talk to', `Set KUBECONFIG or --kubeconfig${without}.`);
  }
  return kubeConfig;
}

async function send(
  kubeConfig: KubeConfig,
  server: string,
  request: ClusterRequest,
): Promise<{ status: number; body: string }> {
  const answer = await open(kubeConfig, server, request);
  return { status: answer.statusCode ?? 0, body: await readBody(answer) };
}

/** Sends a request; resolves with the head of its answer. */
async function open(kubeConfig: KubeConfig, server: string, request: ClusterRequest): Promise<IncomingMessage> {
  const url = new URL(`${server.replace(/\/$/, '')}${request.path}`);
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const options: RequestOptions = { method: request.method, timeout: requestTimeoutMs };
  await kubeConfig.applyToHTTPSOptions(options);
  options.headers = {
    ...options.headers,
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
  };
  options.signal = request.signal;
  return await new Promise((resolve, reject) => {
    const outgoing = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, options, resolve);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function readBody(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The last line may lack its end. */
async function* readLines(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > answerBytesMax) throw new Error(`a line is longer than ${answerBytesMax} bytes`);
  }
  if (rest !== '') yield rest;
}

function isOk(status: number): boolean {
  return status >= 200 && status < 300;
}

function toRefusal(status: number, body: string, context: string): Error {
  let answer: z.output<typeof statusSchema>;
  try {
    answer = statusSchema.parse(JSON.parse(body));
  } catch {
    answer = { message: `HTTP ${status}: ${body.slice(0, 200).trim()}` };
  }
  if (status === 401) {
    return new CliError(exitCodes.unreachable, 'the API server does not know these credentials (401)', {
      hint: `Log in again; the context is "${context}".`,
    });
  }
  return new ClusterRefused(status, answer);
}
