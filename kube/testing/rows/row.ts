import type { ApiServers, Seen } from '#kube/testing/apiServers.ts';

/** What a command finds on the machine, and which API server it then reaches. `~/` is the home folder in all texts. */
export interface ClusterRow {
  readonly name: string;
  /** By path below the home folder; objects are written as JSON, which is YAML. */
  readonly files?: Readonly<Record<string, string | object>>;
  /** Symbolic links, from path to target. */
  readonly links?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** --kubeconfig */
  readonly kubeconfig?: string;
  /** --context */
  readonly context?: string;
  /** The files of the pod's ServiceAccount. */
  readonly pod?: Readonly<Record<string, string>>;
  readonly expected: Outcome;
  /** Where kubectl does something else; docs/adr/0036 says why we do not. */
  readonly kubectl?: Outcome;
}

export interface Outcome {
  /** Empty when nothing was sent. */
  readonly seen?: readonly Seen[];
  /** `http user:password` for each use of a proxy. */
  readonly proxies?: readonly string[];
  /** KUBERNETES_EXEC_INFO of each run of a plugin. */
  readonly plugin?: readonly unknown[];
  /** In our message. kubectl then fails, too, in words of its own. */
  readonly refused?: RegExp;
}

export interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string;
}

/** A user with a token: for one without anything kubectl asks at the terminal. */
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

/** The one request arrives as it is said here. */
export const anonymous = (server: Seen['server'], more: Partial<Seen> = {}): Outcome => ({
  seen: [{ server, path: '/version', ...more }],
});
/** With the token of `mine`, which goes to no server without TLS. */
export const seen = (server: Seen['server'], more: Partial<Seen> = {}): Outcome =>
  anonymous(server, { ...(server === 'plain' ? {} : { authorization: 'Bearer mine' }), ...more });
export const refused = (message: RegExp): Outcome => ({ refused: message });

/** What rows build their kubeconfigs of. */
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
