import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Environment, type Kubeconfig, KubeconfigError, type ReadFile, readFromDisk } from './kubeconfig.ts';
import { type Cluster, type Context, noCluster, noUser, type User } from './kubeconfigFile.ts';
import { proxyFromEnvironment } from './proxy.ts';

/** One API server and the user as which we connect. Both come from a context of a kubeconfig, or from the pod. */
export interface Access {
  /** Name of the context, for messages. `in-cluster` for the ServiceAccount of the pod. */
  readonly context: string;
  /** Namespace that is used if the caller names none. */
  readonly namespace: string;
  /** Origin and optional path prefix, without a slash at the end and without a user: `https://10.96.0.1:443`. */
  readonly server: string;
  /** URL of the proxy, such as `http://proxy:3128`. Undefined means a direct connection. */
  readonly proxy: string | undefined;
  readonly cluster: Cluster;
  readonly user: User;
}

export interface ResolveOptions {
  /** Name of the context. Undefined or empty means the current context. */
  readonly context?: string | undefined;
  /** Environment variables, such as KUBERNETES_SERVICE_HOST and HTTPS_PROXY. */
  readonly env: Environment;
  /** Returns the text of a file. Default: reads from the disk. */
  readonly readFile?: ReadFile;
  /** Whether a path is a file. Default: checks the disk. */
  readonly isFile?: (file: string) => boolean;
}

/**
 * Chooses a context by the rules of kubectl (docs/adr/0036). If the kubeconfig names no server, uses the ServiceAccount
 * of the pod. Throws KubeconfigError.
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

/** Returns the access of the ServiceAccount of the pod in which this process runs. Throws outside of a pod. */
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
    const which = wanted === '' ? `, but its current-context is "${name}"` : '';
    throw new KubeconfigError(
      'unknownContext',
      `the kubeconfig has no context "${name}"${which}`,
      itHas(config.contexts),
    );
  }
  return { name, context };
}

/**
 * Returns the error for a kubeconfig that leads to no server. kubectl would connect to localhost:8080. We do not,
 * because no API server has listened there for years (docs/adr/0036).
 */
function withoutServer(config: Kubeconfig, name: string, context: Context | undefined): KubeconfigError {
  const { clusters, users, contexts, files, missing } = config;
  if (context === undefined && clusters.size + users.size + contexts.size > 0) {
    const hint = 'Choose one with --context, or with "kubectl config use-context".';
    return new KubeconfigError('unknownContext', 'the kubeconfig has no current context', hint);
  }
  if (context === undefined && files.length > 0) {
    const message = `there is no cluster in the kubeconfig ${files.join(', ')}`;
    return new KubeconfigError('unknownCluster', message, 'Name another file with --kubeconfig.');
  }
  if (context === undefined) {
    const where = missing.length === 0 ? '' : ` (KUBECONFIG names ${missing.join(', ')})`;
    return new KubeconfigError(
      'absent',
      `there is no kubeconfig${where}, so no cluster is known`,
      'Set KUBECONFIG or --kubeconfig.',
    );
  }
  if (clusters.has(context.cluster)) return invalid(`the cluster "${context.cluster}" of the kubeconfig has no server`);
  return new KubeconfigError(
    'unknownCluster',
    `the context "${name}" names the cluster "${context.cluster}", which is not in the kubeconfig`,
    itHas(clusters),
  );
}

function itHas(entries: ReadonlyMap<string, unknown>): string {
  return `The kubeconfig has: ${[...entries.keys()].join(', ') || 'none'}`;
}

function invalid(message: string): KubeconfigError {
  return new KubeconfigError('invalid', message, 'Correct the kubeconfig. "kubectl config view" shows its content.');
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
    // kubectl refuses this combination too, but it checks tokenFile only when it connects.
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

/**
 * Whether the kubeconfig has only the values that kubectl assumes when no kubeconfig exists. If so, the caller ignores
 * the kubeconfig and uses the ServiceAccount of the pod.
 */
function isDefaultServer(server: string, cluster: Cluster, user: User, env: Environment): boolean {
  const assumed = env['KUBERNETES_MASTER'] || 'http://localhost:8080';
  const isBare = cluster.proxyUrl === '' && !cluster.disablesCompression && user.impersonate.user === '';
  return isBare && (server || assumed) === assumed && (assumed.startsWith('http:') || user === noUser);
}

/**
 * Returns the URL of a server. A server without a scheme means http, as in kubectl, and must have no path. Throws
 * KubeconfigError for a server that is not an http or https URL.
 */
function toBaseUrl(server: string): string {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(server);
  const text = hasScheme ? server : `http://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || (!hasScheme && url.pathname !== '/')) {
    // The message does not quote the server, because it may contain a password.
    throw invalid('the server of the cluster is not a URL such as https://host:6443');
  }
  url.search = '';
  url.hash = '';
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}

/**
 * Returns the URL of the proxy. If the kubeconfig has proxy-url, it is used for every address. Otherwise HTTPS_PROXY
 * (HTTP_PROXY without TLS) is used, but not for loopback addresses and for the addresses in NO_PROXY.
 */
function proxyOf(server: string, { proxyUrl }: Cluster, env: Environment): string | undefined {
  return proxyUrl === '' ? proxyFromEnvironment(server, env) : proxyUrl;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Whether this process runs in a pod. Checks that the token file exists, but does not read it: a kubeconfig with a
 * server must work even if the files of the pod cannot be read.
 */
function isInPod({ env, isFile = isFileOnDisk }: ResolveOptions): boolean {
  const isNamed = Boolean(env['KUBERNETES_SERVICE_HOST']) && Boolean(env['KUBERNETES_SERVICE_PORT']);
  return isNamed && isFile(`${serviceAccount}/token`);
}

function namespaceOfPod({ env, readFile = readFromDisk }: ResolveOptions): string {
  if (env['POD_NAMESPACE']) return env['POD_NAMESPACE'];
  try {
    return readFile(`${serviceAccount}/namespace`).trim() || 'default';
  } catch {
    // kubectl accepts a missing file too. The caller can still name a namespace.
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
      `KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not a host and a port: "${host}" and "${port}"`,
      'Correct both variables, or name a kubeconfig with --kubeconfig.',
    );
  }
  const caFile = `${serviceAccount}/ca.crt`;
  return {
    context: 'in-cluster',
    namespace: namespaceOfPod(options),
    server,
    proxy: proxyFromEnvironment(server, env),
    // If this file does not exist, trust the certificate authorities of the machine, as kubectl does.
    cluster: { ...noCluster, server, caFile: isFile(caFile) ? caFile : '' },
    user: { ...noUser, tokenFile: `${serviceAccount}/token` },
  };
}

/** Whether the path is a file. A path that cannot be read counts as no file, as in kubectl. */
function isFileOnDisk(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
