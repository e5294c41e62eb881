import type { ApiServers, Seen } from '#kube/testing/apiServers.ts';

/** One case: files and settings on a machine, and the API server that a command reaches. `~/` is the home folder. */
export interface ClusterRow {
  readonly name: string;
  /** Content by path below the home folder. Objects are written as JSON, which is YAML. */
  readonly files?: Readonly<Record<string, string | object>>;
  /** Symbolic links, from path to target. */
  readonly links?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Value of --kubeconfig. */
  readonly kubeconfig?: string;
  /** Value of --context. */
  readonly context?: string;
  /** The files of the pod's ServiceAccount. */
  readonly pod?: Readonly<Record<string, string>>;
  readonly expected: Outcome;
  /** Result of kubectl if it differs from ours. docs/adr/0036 says why. */
  readonly kubectl?: Outcome;
}

export interface Outcome {
  /** Requests that the servers saw. Empty if no request was sent. */
  readonly seen?: readonly Seen[];
  /** `http user:password` for each use of a proxy. */
  readonly proxies?: readonly string[];
  /** KUBERNETES_EXEC_INFO of each run of a plugin. */
  readonly plugin?: readonly unknown[];
  /** Pattern in our error message. kubectl fails too, with another message. */
  readonly refused?: RegExp;
}

export interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string;
}

/** A user with a token. kubectl would ask at the terminal for the password of a user without credentials. */
export const mine = { token: 'mine' };

export function buildConfig({ cluster = {}, user = mine, context = {}, current = 'x' }: Parts): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...context } }],
    'current-context': current,
  };
}

/** Expects one request, with exactly these fields. */
export const anonymous = (server: Seen['server'], more: Partial<Seen> = {}): Outcome => ({
  seen: [{ server, path: '/version', ...more }],
});
/** Expects one request with the token of `mine`. A server without TLS gets no token. */
export const seen = (server: Seen['server'], more: Partial<Seen> = {}): Outcome =>
  anonymous(server, { ...(server === 'plain' ? {} : { authorization: 'Bearer mine' }), ...more });
export const refused = (message: RegExp): Outcome => ({ refused: message });

/** Returns the clusters and users from which rows build their kubeconfigs. */
export function parts({ ca, urls, client }: ApiServers) {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const trusted = { 'certificate-authority-data': base64(ca.certPem) };
  return {
    base64,
    a: { server: urls.a, ...trusted },
    b: { server: urls.b, ...trusted },
    plain: { server: urls.plain },
    trusted,
    certificate: { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) },
  };
}
