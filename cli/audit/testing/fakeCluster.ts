import { type Cluster, ClusterRefused } from '#cli/connection/cluster.ts';

export interface FakeClusterOptions {
  /** Pods of the Job, one for each look; the last one stays. Undefined: it has none. */
  readonly pods: readonly (object | undefined)[];
  /** What each question for the log delivers, and how it ends. */
  readonly logs?: readonly { readonly lines: readonly string[]; readonly error?: Error }[];
  /** Refuses calls whose method and path contain this. */
  readonly refuse?: {
    readonly call: string;
    readonly status: number;
    readonly reason: string;
    readonly message: string;
  };
  /** After every call, by method and path. */
  readonly onCall?: (call: string) => void;
}

/** Kubernetes as an audit sees it, in memory. Fails on a call that it does not expect. */
export function createFakeCluster({ pods, logs = [], refuse, onCall }: FakeClusterOptions) {
  const calls: string[] = [];
  const jobs: unknown[] = [];
  let [looks, reads] = [0, 0];
  const note = (call: string) => {
    calls.push(call);
    if (refuse !== undefined && call.includes(refuse.call)) {
      throw new ClusterRefused(refuse.status, { message: refuse.message, reason: refuse.reason, causes: [] });
    }
    onCall?.(call);
  };
  const cluster: Cluster = {
    context: 'fake',
    namespace: 'shop',
    credentials: async () => {
      throw new Error('an audit opens no tunnel');
    },
    async request({ method, path, body, signal }) {
      signal.throwIfAborted();
      const short = path.replace(/-audit-\w+$/, '-audit-x');
      note(`${method} ${short}`);
      if (path.endsWith('/deployments/orders-aggregator')) return deployment;
      if (method === 'POST' && path.endsWith('/jobs')) return jobs.push(body);
      if (method === 'DELETE' && path.includes('/jobs/orders-audit-')) return {};
      if (path.endsWith('/pods')) {
        const pod = pods[Math.min(looks++, pods.length - 1)];
        return { items: pod === undefined ? [] : [pod] };
      }
      throw new Error(`unexpected: ${method} ${path}`);
    },
    async *lines({ path, query = {} }) {
      note(`LOG ${path}${query['sinceTime'] === undefined ? '' : ` since ${query['sinceTime']}`}`);
      const { lines, error } = logs[reads++] ?? { lines: [] };
      yield* lines;
      if (error !== undefined) throw error;
    },
  };
  return { cluster, calls, jobs };
}

const deployment = {
  spec: { template: { spec: { serviceAccountName: 'mine', containers: [{ name: 'sumpipeline', image: 'sum:1' }] } } },
};

/** A pod of the Job in a state of its container. */
export function podIn(phase: string, state: object = {}): object {
  return {
    metadata: { name: 'orders-audit-pod' },
    status: { phase, containerStatuses: [{ name: 'sumpipeline', image: 'sum:1', ready: false, state }] },
  };
}
