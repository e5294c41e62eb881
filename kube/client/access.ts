import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Environment, type Kubeconfig, KubeconfigError, type ReadFile, readFromDisk } from './kubeconfig.ts';
import { type Cluster, type Context, noCluster, noUser, type User } from './kubeconfigFile.ts';
import { proxyFromEnvironment } from './proxy.ts';

/** One API server, and as whom to talk to it: what a context of a kubeconfig, or the pod itself, comes down to. */
export interface Access {
  /** Name of the context; `in-cluster` for the pod's ServiceAccount. For messages. */
  readonly context: string;
  /** Where objects are looked for when the caller names no namespace. */
  readonly namespace: string;
  /** Origin and optional path prefix, without a slash at the end and without a user: `https://10.96.0.1:443`. */
  readonly server: string;
  /** `http://proxy:3128`; undefined: connect directly. */
  readonly proxy: string | undefined;
  readonly cluster: Cluster;
  readonly user: User;
}

export interface ResolveOptions {
  /** Undefined or empty: the current context. */
  readonly context?: string | undefined;
  /** KUBERNETES_SERVICE_HOST, HTTPS_PROXY and the like. */
  readonly env: Environment;
  /** Default: reads the disk. */
  readonly readFile?: ReadFile;
  /** Default: looks at the disk. */
  readonly isFile?: (file: string) => boolean;
}

/**
 * Chooses a context by the rules of kubectl (docs/adr/0036). Falls back to the pod's ServiceAccount where the kubeconfig
 * names no server. Throws KubeconfigError.
 */
export function resolveAccess(config: Kubeconfig, options: ResolveOptions): Access {
  const { env } = options;
  const { name, context } = chooseContext(config, options.context ?? '');
  const cluster = config.clusters.get(context?.cluster ?? '') ?? noCluster;
  const user = config.users.get(context?.user ?? '') ?? noUser;
  const problems = [...clusterProblems(cluster), ...userProblems(user)];
  if (problems.length > 0)
    throw invalid(`the kubeconfig is not valid for the context "${name}": ${problems.join('; ')}`);
  const isPod = isInPod(options);
  const namespace = context?.namespace || (isPod ? namespaceOfPod(options) : 'default');
  const server = cluster.server || (env['KUBERNETES_MASTER'] ?? '');
  if (isPod && isDefaultServer(server, cluster, user, env)) return { ...accessOfPod(options), namespace };
  if (server === '') throw withoutServer(config, name, context);
  const base = toBaseUrl(server);
  return {
    context: name,
    namespace,
    server: base,
    proxy: proxyOf(base, cluster, env),
    cluster: { ...cluster, server },
    user,
  };
}

/** The ServiceAccount of the pod in which this process runs. Throws outside of a pod. */
export function inClusterAccess(env: Environment): Access {
  if (isInPod({ env })) return accessOfPod({ env });
  throw new Error(
    `this process does not run in a pod: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and ${serviceAccount}/token are needed`,
  );
}

function chooseContext(config: Kubeconfig, wanted: string): { name: string; context: Context | undefined } {
  const name = wanted || config.currentContext;
  const context = config.contexts.get(name);
  if (name !== '' && context === undefined) {
    const which = wanted === '' ? ', which it calls its current one' : '';
    throw new KubeconfigError(
      'unknownContext',
      `the kubeconfig has no context "${name}"${which}`,
      itHas(config.contexts),
    );
  }
  return { name, context };
}

/** kubectl goes on with localhost:8080, where no API server has listened without TLS for years (docs/adr/0036). */
function withoutServer(config: Kubeconfig, name: string, context: Context | undefined): KubeconfigError {
  const { clusters, users, contexts, files, missing } = config;
  if (context === undefined && clusters.size + users.size + contexts.size > 0) {
    const hint = 'Choose one with --context, or kubectl config use-context.';
    return new KubeconfigError('unknownContext', 'the kubeconfig has no current context', hint);
  }
  if (context === undefined && files.length > 0) {
    const message = `there is no cluster in the kubeconfig ${files.join(', ')}`;
    return new KubeconfigError('unknownCluster', message, 'Name another with --kubeconfig.');
  }
  if (context === undefined) {
    const where = missing.length === 0 ? '' : ` (KUBECONFIG names ${missing.join(', ')})`;
    return new KubeconfigError(
      'absent',
      `there is no kubeconfig${where}, so no cluster to talk to`,
      'Set KUBECONFIG or --kubeconfig.',
    );
  }
  if (clusters.has(context.cluster)) return invalid(`the cluster "${context.cluster}" of the kubeconfig has no server`);
  return new KubeconfigError(
    'unknownCluster',
    `the context "${name}" is of the cluster "${context.cluster}", which the kubeconfig lacks`,
    itHas(clusters),
  );
}

function itHas(entries: ReadonlyMap<string, unknown>): string {
  return `It has: ${[...entries.keys()].join(', ') || 'none'}`;
}

function invalid(message: string): KubeconfigError {
  return new KubeconfigError('invalid', message, 'Correct the kubeconfig: kubectl config view shows what it says.');
}

function clusterProblems({ caFile, caData, proxyUrl }: Cluster): string[] {
  return [
    both(caFile, caData) && 'certificate-authority and certificate-authority-data are both set',
    proxyUrl !== '' && !isProxyUrl(proxyUrl) && 'proxy-url must be an http, https or socks5 URL',
  ].filter((problem) => problem !== false);
}

function userProblems({ certFile, certData, keyFile, keyData, ...user }: User): string[] {
  const { exec, impersonate } = user;
  const hasCertificate = either(certFile, certData);
  const isExtra = impersonate.uid !== '' || impersonate.groups.length > 0 || Object.keys(impersonate.extra).length > 0;
  return [
    both(certFile, certData) && 'client-certificate and client-certificate-data are both set',
    hasCertificate && both(keyFile, keyData) && 'client-key and client-key-data are both set',
    hasCertificate && !either(keyFile, keyData) && 'the client certificate has no key',
    // kubectl has two checks here: the second, of tokenFile, is made when it connects.
    either(user.token, user.tokenFile) && either(user.username, user.password) && 'a token and a password are both set',
    exec !== undefined && user.authProvider !== undefined && 'exec and auth-provider are both set',
    exec !== undefined && exec.command === '' && 'exec has no command',
    exec !== undefined && exec.apiVersion === '' && 'exec has no apiVersion',
    exec?.env.some(({ name }) => name === '') === true && 'a variable of exec has no name',
    exec !== undefined &&
      !interactiveModes.has(exec.interactiveMode) &&
      'exec needs an interactiveMode: Never, IfAvailable or Always',
    isExtra && impersonate.user === '' && 'as-uid, as-groups and as-user-extra need as',
  ].filter((problem) => problem !== false);
}

const interactiveModes: ReadonlySet<string> = new Set(['Never', 'IfAvailable', 'Always']);

function both(first: string, second: string): boolean {
  return first !== '' && second !== '';
}

function either(first: string, second: string): boolean {
  return first !== '' || second !== '';
}

function isProxyUrl(value: string): boolean {
  return /^(https?|socks5):\/\/./i.test(value) && URL.canParse(value);
}

/** A kubeconfig that says no more than kubectl assumes without one is as good as none. */
function isDefaultServer(server: string, cluster: Cluster, user: User, env: Environment): boolean {
  const assumed = env['KUBERNETES_MASTER'] || 'http://localhost:8080';
  const isBare = cluster.proxyUrl === '' && !cluster.disablesCompression && user.impersonate.user === '';
  return isBare && (server || assumed) === assumed && (assumed.startsWith('http:') || user === noUser);
}

/** Without a scheme it is http, as kubectl has it; then a path is not allowed. */
function toBaseUrl(server: string): string {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(server);
  const text = hasScheme ? server : `http://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || (!hasScheme && url.pathname !== '/')) {
    // Not quoted: a password may be in it.
    throw invalid('the server of the cluster is not a URL such as https://host:6443');
  }
  url.search = '';
  url.hash = '';
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}

/** proxy-url holds for every address; the environment spares loopback and NO_PROXY. */
function proxyOf(server: string, { proxyUrl }: Cluster, env: Environment): string | undefined {
  return proxyUrl === '' ? proxyFromEnvironment(server, env) : proxyUrl;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Reads nothing: a kubeconfig that names its server does not depend on what is in the files of the pod. */
function isInPod({ env, isFile = isFileOnDisk }: ResolveOptions): boolean {
  const isNamed = Boolean(env['KUBERNETES_SERVICE_HOST']) && Boolean(env['KUBERNETES_SERVICE_PORT']);
  return isNamed && isFile(`${serviceAccount}/token`);
}

function namespaceOfPod({ env, readFile = readFromDisk }: ResolveOptions): string {
  if (env['POD_NAMESPACE']) return env['POD_NAMESPACE'];
  try {
    return readFile(`${serviceAccount}/namespace`).trim() || 'default';
  } catch {
    // As kubectl does: the file need not be there, and a namespace can be named.
    return 'default';
  }
}

function accessOfPod(options: ResolveOptions): Access {
  const { env, isFile = isFileOnDisk } = options;
  const [host = '', port = ''] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  const server = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (!/^\d+$/.test(port) || !URL.canParse(server)) {
    throw new KubeconfigError(
      'invalid',
      `KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no host and port: "${host}" and "${port}"`,
      'Correct them, or name a kubeconfig with --kubeconfig.',
    );
  }
  const caFile = `${serviceAccount}/ca.crt`;
  return {
    context: 'in-cluster',
    namespace: namespaceOfPod(options),
    server,
    proxy: proxyFromEnvironment(server, env),
    // Without its file the certificate authorities of the machine are trusted, as kubectl does.
    cluster: { ...noCluster, server, caFile: isFile(caFile) ? caFile : '' },
    user: { ...noUser, tokenFile: `${serviceAccount}/token` },
  };
}

/** What cannot be looked at is none, as kubectl has it. */
function isFileOnDisk(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
