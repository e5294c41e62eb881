import { X509Certificate } from 'node:crypto';
import type { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '#kube/clock.ts';
import { type Access, inClusterAccess, resolveAccess } from './access.ts';
import { createExecPlugin, type ExecCredential, type ExecPlugin, type ExecPluginOptions } from './execPlugin.ts';
import { type Environment, loadKubeconfig, type ReadFile, readFromDisk } from './kubeconfig.ts';
import type { User } from './kubeconfigFile.ts';

/** Where the API server is and how we prove who we are, valid at the moment of loading. */
export interface Credentials {
  /** Origin and optional path prefix, `https://10.96.0.1:443`. */
  readonly server: string;
  /** `http://proxy:3128`; undefined: connect directly. It may hold a password. */
  readonly proxy?: string | undefined;
  readonly tls: TlsMaterial;
  /** Authorization and impersonation headers. Never log them. */
  readonly headers: Readonly<Record<string, string | string[]>>;
}

export interface TlsMaterial {
  /** Undefined: the certificate authorities of the machine. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name in the server's certificate, and in the TLS handshake. Undefined: that of the URL. */
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface CredentialSource {
  /**
   * Reads files and runs exec plugins as needed: tokens and certificates may differ from one call to the next. `isRefused`:
   * the API server did not accept what the last call returned.
   */
  load(isRefused?: boolean): Promise<Credentials>;
  /** Ends what a load that is not finished has started: a plugin that still runs. */
  close?(): void;
}

export interface CredentialOptions {
  /** What an exec plugin gets. Default: nothing. */
  readonly env?: Environment;
  /** Default: reads the disk. */
  readonly readFile?: ReadFile;
  /** For the end of a plugin's token, and for its time limit. Default: the system's clock. */
  readonly clock?: ExecPluginOptions['clock'];
  /** How long an exec plugin may run, ms. Default: without end, because a person may have to log in. */
  readonly pluginTimeoutMs?: number;
}

/** The pod's ServiceAccount: its token file rotates, and is read again at every load. No proxy is used. */
export function inClusterCredentials(env: Environment): CredentialSource {
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT } = env;
  return credentialsOf(inClusterAccess({ KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT }));
}

/**
 * A kubeconfig file, in its current context or in the one that is named. It has to name its server: the pod around this
 * process and KUBERNETES_MASTER do not count, so a program with a broken file does not work on another cluster.
 */
export function kubeconfigCredentials(options: {
  file: string;
  context?: string;
  /** Proxies count, and a plugin gets all of it. */
  env: Environment;
  pluginTimeoutMs?: number;
  /** For tests: whether the files of a pod are there. */
  isFile?: (file: string) => boolean;
}): CredentialSource & { readonly namespace: string } {
  const { file, context, env, pluginTimeoutMs, ...disk } = options;
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, KUBERNETES_MASTER, ...around } = env;
  const access = resolveAccess(loadKubeconfig({ explicitPath: file, env }), { ...disk, context, env: around });
  const limit = pluginTimeoutMs === undefined ? {} : { pluginTimeoutMs };
  return { namespace: access.namespace, ...credentialsOf(access, { env, ...limit }) };
}

/** Credentials of a context, by the rules of kubectl: what wins over what is in docs/adr/0036. */
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
        // Every machine on the way could read a token, so kubectl sends none.
        const headers = { ...headerOf(fromUrl), ...impersonation };
        return { server, proxy, tls: { rejectUnauthorized: true }, headers };
      }
      const ca = cluster.caData || (cluster.caFile === '' ? '' : readFile(cluster.caFile));
      if (cluster.caFile !== '' || cluster.caData !== '') checkCa(ca, cluster.isInsecure);
      // A plugin runs only for a user without other credentials.
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

/** Whether the user has credentials without the exec plugin, which is then not run. */
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

/** The file wins, because it rotates; the token beside it is for as long as there is nothing in the file. */
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

/** Of https://user:password@host. It wins over everything else, because Go's HTTP client puts it in first. */
function basicOfUrl(server: string): string | undefined {
  if (!URL.canParse(server)) return undefined;
  const { username, password } = new URL(server);
  return basicOf(decodeURIComponent(username), decodeURIComponent(password));
}

function headerOf(authorization: string | undefined): Record<string, string> {
  return authorization === undefined ? {} : { Authorization: authorization };
}

/** The client library renews OpenID tokens. It takes half a second to load, so it is loaded when it is needed. */
function createAuthProvider({ authProvider }: User, server: string): () => Promise<string | undefined> {
  if (authProvider === undefined) return async () => undefined;
  const { name, config } = authProvider;
  // One instance, because it remembers the token that it renewed.
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

/** Headers are bytes. Names of users are UTF-8 there. */
function asHeader(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** Bytes that a header's name may not have are written like those of a URL, as client-go does. */
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
