import { X509Certificate } from 'node:crypto';
import type { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '#kube/clock.ts';
import { type Access, inClusterAccess, resolveAccess } from './access.ts';
import { createExecPlugin, type ExecCredential, type ExecPlugin, type ExecPluginOptions } from './execPlugin.ts';
import { type Environment, loadKubeconfig, type ReadFile, readFromDisk } from './kubeconfig.ts';
import type { User } from './kubeconfigFile.ts';

/** Address of the API server and our credentials for it, valid when they were loaded. */
export interface Credentials {
  /** Origin and optional path prefix, `https://10.96.0.1:443`. */
  readonly server: string;
  /** URL of the proxy, such as `http://proxy:3128`; it may contain a password. Undefined means a direct connection. */
  readonly proxy?: string | undefined;
  readonly tls: TlsMaterial;
  /** Authorization and impersonation headers. Never log them. */
  readonly headers: Readonly<Record<string, string | string[]>>;
}

export interface TlsMaterial {
  /** PEM of the certificate authority. Undefined means the certificate authorities of the machine. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name for the TLS handshake and for the check of the certificate. Undefined means the host of the URL. */
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface CredentialSource {
  /**
   * Returns the credentials that are valid now. Reads files and runs exec plugins as needed, so each call may return
   * other tokens and certificates. `isRefused` means that the API server refused the credentials of the last call.
   */
  load(isRefused?: boolean): Promise<Credentials>;
  /** Stops an exec plugin that a `load` has started and that still runs. */
  close?(): void;
}

export interface CredentialOptions {
  /** Environment variables for an exec plugin. Default: none. */
  readonly env?: Environment;
  /** Returns the text of a file. Default: reads from the disk. */
  readonly readFile?: ReadFile;
  /** Clock for the expiry of a plugin's token and for the plugin's time limit. Default: the clock of the system. */
  readonly clock?: ExecPluginOptions['clock'];
  /** Time limit of an exec plugin, ms. Default: no limit, because a user may have to log in. */
  readonly pluginTimeoutMs?: number;
}

/**
 * Credentials of the pod's ServiceAccount. Every load reads the token file, because Kubernetes replaces the token
 * regularly. No proxy is used.
 */
export function inClusterCredentials(env: Environment): CredentialSource {
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = env;
  return credentialsOf(inClusterAccess({ KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT }));
}

/**
 * Credentials of a kubeconfig file, for the named context or the current context. The file must name its server. The
 * pod of this process and KUBERNETES_MASTER are ignored, so that a program with a broken file does not use another
 * cluster.
 */
export function kubeconfigCredentials(options: {
  file: string;
  context?: string;
  /** Environment variables. HTTPS_PROXY and similar ones choose the proxy. An exec plugin gets all variables. */
  env: Environment;
  pluginTimeoutMs?: number;
  /** Whether a file of the pod exists. Only tests set it. Default: checks the disk. */
  isFile?: (file: string) => boolean;
}): CredentialSource & { readonly namespace: string } {
  const { file, context, env, pluginTimeoutMs, ...disk } = options;
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, KUBERNETES_MASTER, ...around } = env;
  const access = resolveAccess(loadKubeconfig({ explicitPath: file, env }), { ...disk, context, env: around });
  const limit = pluginTimeoutMs === undefined ? {} : { pluginTimeoutMs };
  return { namespace: access.namespace, ...credentialsOf(access, { env, ...limit }) };
}

/** Credentials of a context by the rules of kubectl. docs/adr/0036 says which credential has precedence. */
export function credentialsOf(access: Access, options: CredentialOptions = {}): CredentialSource {
  const { readFile = readFromDisk } = options;
  const { server, proxy, cluster, user } = access;
  const isPlain = server.startsWith('http:');
  const fromAuthProvider = createAuthProvider(user, server);
  let plugin: ExecPlugin | undefined;

  async function execCredential(ca: string, isRefused: boolean): Promise<ExecCredential | undefined> {
    if (user.exec === undefined || identifiesItself(user)) return undefined;
    const { env = {}, clock = systemClock, pluginTimeoutMs: timeoutMs } = options;
    plugin ??= createExecPlugin({ exec: user.exec, access, ca, env, clock, timeoutMs });
    return await plugin.get(isRefused);
  }

  return {
    close: () => plugin?.close(),
    async load(isRefused = false) {
      const impersonation = impersonationHeaders(user);
      const fromUrl = basicOfUrl(cluster.server);
      if (isPlain) {
        // Send no token without TLS, as kubectl does: every machine on the network path could read it.
        const headers = { ...headerOf(fromUrl), ...impersonation };
        return { server, proxy, tls: { rejectUnauthorized: true }, headers };
      }
      const ca = cluster.caData || (cluster.caFile === '' ? '' : readFile(cluster.caFile));
      if (cluster.caFile !== '' || cluster.caData !== '') checkCa(ca, cluster.isInsecure);
      // Run the exec plugin only if the URL of the server has no password. `execCredential` checks all other
      // credentials.
      const fromPlugin = fromUrl === undefined ? await execCredential(ca, isRefused) : undefined;
      const authorization = fromUrl ?? authorizationOf(user, fromPlugin, readFile) ?? (await fromAuthProvider());
      return {
        server,
        proxy,
        tls: {
          ...(ca === '' ? {} : { ca }),
          ...clientCertificateOf(user, fromPlugin, readFile),
          ...(cluster.tlsServerName === '' ? {} : { servername: cluster.tlsServerName }),
          rejectUnauthorized: !cluster.isInsecure,
        },
        headers: { ...headerOf(authorization), ...impersonation },
      };
    },
  };
}

function clientCertificateOf(user: User, fromPlugin: ExecCredential | undefined, readFile: ReadFile) {
  if (user.certFile !== '' || user.certData !== '') {
    return { cert: user.certData || readFile(user.certFile), key: user.keyData || readFile(user.keyFile) };
  }
  return fromPlugin === undefined || fromPlugin.cert === '' ? {} : { cert: fromPlugin.cert, key: fromPlugin.key };
}

/** Whether the kubeconfig has a token, a password or a certificate for the user. If so, the exec plugin is not run. */
function identifiesItself(user: User): boolean {
  return [user.token, user.tokenFile, user.username, user.password, user.certFile, user.certData].some(
    (part) => part !== '',
  );
}

function checkCa(ca: string, isInsecure: boolean): void {
  if (isInsecure) throw new Error('certificate-authority and insecure-skip-tls-verify exclude each other');
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new Error('the certificate authority of the cluster is not a PEM certificate', { cause });
  }
}

function authorizationOf(user: User, fromPlugin: ExecCredential | undefined, readFile: ReadFile): string | undefined {
  const token = user.tokenFile === '' ? user.token : readToken(user, readFile);
  if (token !== '') return `Bearer ${token}`;
  if (fromPlugin !== undefined && fromPlugin.token !== '') return `Bearer ${fromPlugin.token}`;
  return basicOf(user.username, user.password);
}

/**
 * Returns the token in `tokenFile`, because a file may be newer than `token`. If the file is missing or empty, returns
 * `token`. Throws if neither has a token.
 */
function readToken({ token, tokenFile }: User, readFile: ReadFile): string {
  try {
    const fresh = readFile(tokenFile).trim();
    if (fresh !== '') return fresh;
  } catch (error) {
    if (token === '') throw error;
  }
  if (token === '') throw new Error(`the token file ${tokenFile} is empty`);
  return token;
}

function basicOf(username: string, password: string): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Returns the Authorization header for a URL with a password, https://user:password@host. This header has precedence
 * over all other credentials, because the HTTP client of kubectl sets it first.
 */
function basicOfUrl(server: string): string | undefined {
  if (!URL.canParse(server)) return undefined;
  const { username, password } = new URL(server);
  return basicOf(decodeURIComponent(username), decodeURIComponent(password));
}

function headerOf(authorization: string | undefined): Record<string, string> {
  return authorization === undefined ? {} : { Authorization: authorization };
}

/**
 * Returns a function that returns the Authorization header of an auth-provider. The function loads
 * @kubernetes/client-node, which renews OpenID tokens, only when it is called: loading takes half a second.
 */
function createAuthProvider({ authProvider }: User, server: string): () => Promise<string | undefined> {
  if (authProvider === undefined) return async () => undefined;
  const { name, config } = authProvider;
  // Keep one instance, because it remembers the token that it renewed.
  let loading: Promise<KubeConfig> | undefined;
  return async () => {
    if (name !== 'oidc') {
      throw new Error(`the auth-provider "${name}" was removed from Kubernetes clients: configure an exec plugin`);
    }
    loading ??= import('@kubernetes/client-node').then((client) => {
      const library = new client.KubeConfig();
      library.loadFromClusterAndUser({ name, server, skipTLSVerify: false }, { name, authProvider: { name, config } });
      return library;
    });
    const options: { headers?: Readonly<Record<string, unknown>> } = {};
    await (await loading).applyToHTTPSOptions(options);
    const header = options.headers?.['Authorization'];
    return typeof header === 'string' ? header : undefined;
  };
}

function impersonationHeaders({ impersonate }: User): Record<string, string | string[]> {
  if (impersonate.user === '') return {};
  const extra = Object.entries(impersonate.extra).map(([name, values]) => [
    `Impersonate-Extra-${escapeHeaderName(name)}`,
    values.map(asHeader),
  ]);
  return {
    'Impersonate-User': asHeader(impersonate.user),
    ...(impersonate.uid === '' ? {} : { 'Impersonate-Uid': asHeader(impersonate.uid) }),
    ...(impersonate.groups.length === 0 ? {} : { 'Impersonate-Group': impersonate.groups.map(asHeader) }),
    ...Object.fromEntries(extra),
  };
}

/** Encodes a value as UTF-8 bytes for a header, because names of users may contain any character. */
function asHeader(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** Writes bytes that a header name may not contain as `%XX`, as client-go does. */
function escapeHeaderName(name: string): string {
  return [...Buffer.from(name, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9!#$&'*+.^_`|~-]/.test(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
