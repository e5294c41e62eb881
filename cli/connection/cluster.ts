import { CliError, describeChain, exitCodes, usageError } from '#cli/exit.ts';
import { shellWord } from '#cli/output/shell.ts';
import { type Access, resolveAccess } from '#kube/client/access.ts';
import { type CredentialSource, type Credentials, credentialsOf } from '#kube/client/credentials.ts';
import { KubernetesError } from '#kube/client/errors.ts';
import { type Environment, KubeconfigError, loadKubeconfig } from '#kube/client/kubeconfig.ts';
import { createTransport, type HttpRequest, orAborted } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';

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
  /** Name of the kubeconfig's context, for messages. */
  readonly context: string;
  /** Namespace of the context, or `default`. */
  readonly namespace: string;
  /** Loads the credentials for the client library's port-forward. Throws CliError, or the reason of the signal. */
  credentials(signal: AbortSignal): Promise<Credentials>;
  /** Returns the parsed JSON of a 2xx response. Throws ClusterRefused, or CliError when no response comes. */
  request(request: ClusterRequest): Promise<unknown>;
  /**
   * Yields the lines of a response until it ends, such as the output of a running pod. Throws the same errors as
   * `request`. If the connection breaks, throws the error of the connection.
   */
  lines(request: Pick<ClusterRequest, 'path' | 'query' | 'signal'>): AsyncIterable<string>;
}

/** The API server refused a request. The message is the API server's. */
export class ClusterRefused extends Error {
  readonly status: number;
  /** Reason of the refusal, such as `NotFound`, `Forbidden` or `Invalid`. */
  readonly reason: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];

  constructor(status: number, answer: Pick<ClusterRefused, 'message' | 'reason' | 'causes'>) {
    super(answer.message);
    this.name = 'ClusterRefused';
    this.status = status;
    this.reason = answer.reason;
    this.causes = answer.causes;
  }
}

/** Maximum size of a response in bytes: enough for a list of SumPipelines or of the pods of a pipeline. */
const answerBytesMax = 32 * 1024 * 1024;

export interface LoadOptions {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** The option for use without Kubernetes, such as `--calculator-url`, for hints. Undefined if the verb has none. */
  readonly instead?: string | undefined;
}

/**
 * Finds the cluster as kubectl does: by --kubeconfig, KUBECONFIG, ~/.kube/config or the ServiceAccount of the pod, in
 * this order (docs/adr/0036).
 */
export function loadCluster(options: LoadOptions, env: Environment = process.env): Cluster {
  const access = findAccess(options, env);
  const { context, namespace } = access;
  const credentials = credentialsOf(access, { env });
  const kubectl = kubectlCommand(options, access);
  const load = (signal: AbortSignal) => awaitCredentials(credentials, { context, kubectl, signal });
  const transport = createTransport({
    credentials,
    clock: systemClock,
    userAgent: 'sumctl',
    bodyBytesMax: answerBytesMax,
  });
  return {
    context,
    namespace,
    credentials: load,
    async request({ signal, body, contentType = 'application/json', ...request }) {
      try {
        await load(signal);
        const answer = await transport.request({
          ...request,
          ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': contentType } }),
          context: contextOf(request),
          signal,
        });
        return answer.body;
      } catch (error) {
        throw explain(error, access, kubectl);
      }
    },
    async *lines({ signal, ...request }) {
      try {
        await load(signal);
        // Set no time limits: a container may work for a long time and print nothing.
        const limits = { timeoutMs: Number.POSITIVE_INFINITY, silenceMs: 0 };
        const call = { method: 'GET' as const, ...request };
        yield* readLines(transport.stream({ ...call, ...limits, context: contextOf(call), signal }));
      } catch (error) {
        throw explain(error, access, kubectl);
      }
    },
  };
}

function findAccess({ kubeconfig, context, instead }: LoadOptions, env: Environment): Access {
  try {
    return resolveAccess(loadKubeconfig({ explicitPath: kubeconfig, env }), { context, env });
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    const { problem, message, hint } = error;
    if (problem !== 'absent' || instead === undefined) throw usageError(message, hint);
    throw usageError(message, `Set KUBECONFIG or --kubeconfig. To work without Kubernetes, use ${instead}.`);
  }
}

/**
 * Loads the credentials without the time limit of a request, because a plugin may open a browser and wait for the
 * login. The plugin keeps the result, so the request that follows does not wait again.
 */
async function awaitCredentials(
  source: CredentialSource,
  { context, kubectl, signal }: { context: string; kubectl: string; signal: AbortSignal },
): Promise<Credentials> {
  try {
    return await orAborted(signal, () => source.load());
  } catch (error) {
    signal.throwIfAborted();
    const ofContext = context === '' ? '' : ` of the context "${context}"`;
    const message = `the credentials${ofContext} cannot be used: ${describeChain(error)}`;
    throw new CliError(exitCodes.unreachable, message, { hint: `Try: ${kubectl} version`, cause: error });
  }
}

/** Returns the kubectl command for the same cluster. kubectl finds `in-cluster`, the cluster of the pod, by itself. */
function kubectlCommand({ kubeconfig = '', ...options }: LoadOptions, access: Access): string {
  const context = options.context || (access.context === 'in-cluster' ? '' : access.context);
  const flags = [
    ...(kubeconfig === '' ? [] : ['--kubeconfig', shellWord(kubeconfig)]),
    ...(context === '' ? [] : ['--context', shellWord(context)]),
  ];
  return ['kubectl', ...flags].join(' ');
}

function contextOf({ method, path }: Pick<HttpRequest, 'method' | 'path'>) {
  return { verb: method, kind: path };
}

function explain(error: unknown, { context, server }: Access, kubectl: string): unknown {
  if (!(error instanceof KubernetesError)) return error;
  if (error.status === undefined) {
    const message = `cannot reach the API server ${server}: ${describeChain(error.cause ?? error)}`;
    const hint = `${context === '' ? '' : `The context is "${context}". `}Try: ${kubectl} version`;
    return new CliError(exitCodes.unreachable, message, { hint, cause: error });
  }
  if (error.status === 401) {
    return new CliError(exitCodes.unreachable, 'the API server refused the credentials (401)', {
      hint: context === '' ? 'Log in again.' : `Log in again; the context is "${context}".`,
    });
  }
  const causes = error.causes.map(({ field = '', message = '' }) => ({ field, message }));
  return new ClusterRefused(error.status, { message: error.serverMessage, reason: error.reason, causes });
}

/** Splits a response into lines. The last line may lack its line end. */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > answerBytesMax) throw new Error(`a line is longer than ${answerBytesMax} bytes`);
  }
  if (rest !== '') yield rest;
}
