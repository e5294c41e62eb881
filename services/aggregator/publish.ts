import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import type { AggregatorConfig } from '#contract/config.ts';
import { readConfigMapValue, type Verdict } from '#contract/verdict.ts';
import type { Logger } from '#platform/log.ts';
import { backoffMs, pause } from '#platform/time.ts';

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Maximum time for one request to the API server. */
const requestTimeoutMs = 10_000;
/** Waits before a request that failed is repeated, in milliseconds. */
const waits = { minimumMs: 500, maximumMs: 30_000, random: Math.random };

export interface PublisherOptions {
  /** `https://host:port` of the API server. */
  readonly server: string;
  readonly namespace: string;
  readonly configMap: string;
  /** The key of this pod in the ConfigMap. */
  readonly podName: string;
  readonly logger: Logger;
  /** Folder with token and CA. Default: the folder of the ServiceAccount. */
  readonly credentials?: string;
  /** How often to check that the key still exists, in milliseconds. Default 60 s. */
  readonly lookEveryMs?: number;
}

/** Creates the publisher from the pod's environment. Outside Kubernetes the verdict is only logged. */
export function createPublisher(
  config: AggregatorConfig,
  logger: Logger,
  environment: NodeJS.ProcessEnv,
): Pick<VerdictPublisher, 'publish' | 'close'> {
  const configMap = config.SUMPIPELINE_PROOF_CONFIG_MAP;
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (configMap === undefined || host === undefined) {
    return { publish: (verdict) => logger.info({ verdict }, 'verdict'), close: async () => {} };
  }
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const { SUMPIPELINE_NAMESPACE: namespace, SUMPIPELINE_POD_NAME: podName } = config;
  return new VerdictPublisher({ server, namespace, configMap, podName, logger });
}

/**
 * Writes the newest verdict under the key of this pod in the proof ConfigMap. Uses only an HTTP client, because a
 * Kubernetes client would need more memory than the whole aggregator. Retries until the verdict is written. A newer
 * verdict replaces a verdict that waits to be written.
 *
 * Checks regularly that the verdict still exists. If the ConfigMap is deleted, the operator creates it again without
 * verdicts, and the aggregator gets no event.
 */
export class VerdictPublisher {
  readonly #options: PublisherOptions;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #waiting: Verdict | undefined;
  #published: Verdict | undefined;
  #running: Promise<void> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.lookEveryMs ?? 60_000);
  }

  publish(verdict: Verdict): void {
    this.#waiting = verdict;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#running;
  }

  #look(): void {
    const published = this.#published;
    if (published === undefined || this.#running !== undefined) return;
    this.#running = this.#lookWhetherStored(published).then(() => this.#run());
  }

  async #lookWhetherStored(published: Verdict): Promise<void> {
    const { logger, podName } = this.#options;
    try {
      const stored = readConfigMapValue(await this.#call('GET'), podName);
      if (stored === JSON.stringify(published)) return;
      logger.warn({}, 'the published verdict was deleted; writing it again');
      this.#waiting ??= published;
    } catch (error) {
      logger.debug({ error }, 'the published verdict could not be read');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; this.#waiting !== undefined && !signal.aborted; ) {
      const verdict = this.#waiting;
      try {
        await this.#call('PATCH', { data: { [this.#options.podName]: JSON.stringify(verdict) } });
        this.#published = verdict;
        this.#options.logger.info({ exact: verdict.exact, reason: verdict.reason }, 'verdict published');
        if (this.#waiting === verdict) this.#waiting = undefined;
        attempt = 0;
      } catch (error) {
        this.#options.logger.warn({ error, attempt }, 'the verdict could not be published; retrying');
        await pause(backoffMs(attempt++, waits), signal);
      }
    }
    // Do not await between the last check of #waiting and this line: a verdict that arrives then would stay unwritten.
    this.#running = undefined;
  }

  async #call(method: 'GET' | 'PATCH', body?: object): Promise<string> {
    const { server, namespace, configMap, credentials = serviceAccount } = this.#options;
    // Read both files for every call, because tokens are replaced regularly. Calls are rare.
    const [token, ca] = await Promise.all([
      readFile(`${credentials}/token`, 'utf8'),
      readFile(`${credentials}/ca.crt`, 'utf8'),
    ]);
    const agent = new Agent({ connect: { ca }, headersTimeout: requestTimeoutMs, bodyTimeout: requestTimeoutMs });
    try {
      const path = `/api/v1/namespaces/${namespace}/configmaps/${configMap}?fieldManager=sumpipeline-aggregator`;
      const answer = await request(`${server}${path}`, {
        method,
        dispatcher: agent,
        headers: { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/merge-patch+json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) {
        throw new Error(`the API server returned ${answer.statusCode}: ${text.slice(0, 500)}`);
      }
      return text;
    } finally {
      await agent.close();
    }
  }
}
