import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { z } from 'zod';

/** Where the API server is and how we prove who we are, valid at the moment of loading. */
export interface Credentials {
  /** Origin and optional path prefix, `https://10.96.0.1:443`. */
  readonly server: string;
  readonly tls: TlsMaterial;
  /** Authorization and impersonation headers. Never log them. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface CredentialSource {
  /** The namespace of the context or of the pod's ServiceAccount, if it names one. */
  readonly namespace: string | undefined;
  /** Reads files and runs exec plugins as needed: tokens and certificates may differ from one call to the next. */
  load(): Promise<Credentials>;
}

/** The pod's ServiceAccount: its token file rotates, and is read again at every load. */
export function inClusterCredentials(): CredentialSource {
  const config = new KubeConfig();
  config.loadFromCluster();
  const tokenFile = z
    .object({ config: z.object({ tokenFile: z.string() }) })
    .parse(config.getCurrentUser()?.authProvider).config.tokenFile;
  return sourceOf(config, tokenFile);
}

/** A kubeconfig file, in its current context or in the one that is named. Relative paths in it start at its folder. */
export function kubeconfigCredentials(options: { file: string; context?: string }): CredentialSource {
  const text = readFileSync(options.file, 'utf8');
  const config = new KubeConfig();
  config.loadFromString(text);
  config.makePathsAbsolute(path.dirname(options.file));
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const user = config.getCurrentUser();
  return sourceOf(config, user === null ? undefined : tokenFileOf(text, user.name, path.dirname(options.file)));
}

function sourceOf(config: KubeConfig, tokenFile: string | undefined): CredentialSource {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(`the kubeconfig has no cluster for its context ${JSON.stringify(config.getCurrentContext())}`);
  }
  if (cluster.proxyUrl !== undefined && cluster.proxyUrl !== '') {
    throw new Error(`cluster ${cluster.name} has a proxy-url, which is not supported: use a context without one`);
  }
  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    async load() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
      if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
      // client-node keeps a token file's content for a minute with its line end, and does not know kubeconfig's
      // `tokenFile` at all; reading it here makes rotation exact.
      if (tokenFile !== undefined) headers['Authorization'] = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
      return { server: cluster.server, tls: tlsOf(options), headers };
    },
  };
}

function tlsOf(options: RequestOptions): TlsMaterial {
  const { ca, cert, key, servername } = options;
  return {
    ...(ca ? { ca: String(ca) } : {}),
    ...(cert ? { cert: String(cert) } : {}),
    ...(key ? { key: String(key) } : {}),
    ...(servername ? { servername } : {}),
    rejectUnauthorized: options.rejectUnauthorized ?? true,
  };
}

const tokenFilesSchema = z.object({
  users: z
    .array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() }))
    .nullish(),
});

function tokenFileOf(kubeconfig: string, userName: string, folder: string): string | undefined {
  const { users } = tokenFilesSchema.parse(parse(kubeconfig));
  const file = users?.find((entry) => entry.name === userName)?.user?.tokenFile;
  return file === undefined ? undefined : path.resolve(folder, file);
}
