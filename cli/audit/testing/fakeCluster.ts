import { type Cluster, ClusterRefused } from '#cli/connection/cluster.ts';

export interface FakeClusterOptions {
  /** The Job's pod at each poll, or undefined while the Job has no pod. Later polls get the last item again. */
  readonly pods: readonly (object | undefined)[];
  /** One item for each request for the pod's output: the lines, and the error with which the request ends. */
  readonly logs?: readonly { readonly lines: readonly string[]; readonly error?: Error }[];
  /** Refuses every call whose method and path contain `call`. */
  readonly refuse?: {
    readonly call: string;
    readonly status: number;
    readonly reason: string;
    readonly message: string;
  };
  /** Called after every request, with method and path. */
  readonly onCall?: (call: string) => void;
}

/** Makes a cluster in memory for the Kubernetes calls of an audit. An unexpected call fails. */
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

/** Makes a pod of the Job whose container has the given state. */
export function podIn(phase: string, state: object = {}): object {
  return {
    metadata: { name: 'orders-audit-pod' },
    status: { phase, containerStatuses: [{ name: 'sumpipeline', image: 'sum:1', ready: false, state }] },
  };
}
