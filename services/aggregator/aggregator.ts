import type { AggregatorConfig } from '#contract/config.ts';
import type { Aggregator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { AggregatorMetrics } from '#contract/metrics.ts';
import type { Verdict } from '#contract/verdict.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import type { ServiceHandlers } from '#services/rpc/method.ts';
import { AggregatorApi } from './api.ts';
import { watchCertificates } from './certificates.ts';
import type { Session } from './session.ts';
import { AggregatorState } from './state.ts';
import { Stillness, tellAfterMs } from './stillness.ts';
import { superviseSessions } from './supervise.ts';
import { Waiting } from './waiting.ts';
import type { StuckError } from './watch.ts';

export interface AggregatorOptions {
  readonly config: AggregatorConfig;
  readonly logger: Logger;
  readonly metrics: Metrics<AggregatorMetrics>;
  /** Called when the verdict changed. */
  readonly onVerdict: (verdict: Verdict) => void;
  /** Called when readiness may have changed. */
  readonly onReady: (isReady: boolean) => void;
}

export interface AggregatorService {
  readonly handlers: ServiceHandlers<typeof Aggregator>;
  /** Why the aggregator is not ready; undefined if it is ready. */
  problem(): string | undefined;
  /** Starts to connect, with retries. */
  start(): void;
  /**
   * Resolves with an error if a partition has lag but makes no progress, and no cause is known. Then the caller should
   * end the process, because a restart may help. Stays pending if this never happens.
   */
  readonly stuck: Promise<StuckError>;
  /** Leaves the consumer group, so that other aggregators get the partitions. Still serves reads. */
  leave(): void;
  close(): Promise<void>;
}

/** Creates the aggregator: the sessions that count, the state that decides the verdict, and the service. */
export function createAggregator(options: AggregatorOptions): AggregatorService {
  const { config, logger, metrics, onVerdict, onReady } = options;
  const leaving = new AbortController();
  const ending = new AbortController();
  const stuck = Promise.withResolvers<StuckError>();
  let session: Session | undefined;
  let running: Promise<void> | undefined;

  const state = new AggregatorState({
    now: () => new Date(),
    onVerdict: (verdict) => {
      if (verdict.exact === null) metrics.sumpipeline_exact.remove();
      else metrics.sumpipeline_exact.set(verdict.exact ? 1 : 0);
      const { durability } = verdict;
      if (durability.reason === 'Unknown') metrics.sumpipeline_durability_weak.remove();
      else metrics.sumpipeline_durability_weak.set(durability.ok ? 0 : 1);
      onVerdict(verdict);
      onReady(problem() === undefined);
    },
  });
  const certificates = watchCertificates({ config, logger, metrics });
  const waiting = new Waiting({ readVector: () => api.readVector(), readPartitions: () => api.readPartitions() });
  const api = new AggregatorApi({
    logEpoch: config.SUMPIPELINE_LOG_EPOCH,
    state,
    waiting,
    session: () => session,
    now: () => new Date(),
  });

  /**
   * Returns why the aggregator is not ready, or undefined. Kafka must be reachable only until the first recount: later,
   * totals can be read without Kafka, and each total is exact up to the positions that are returned with it.
   */
  function problem(): string | undefined {
    if (session === undefined || !state.store.ok) return `store: ${state.store.message}`;
    if (!state.wasVerified && !state.kafka.ok) return `kafka: ${state.kafka.message}`;
    return undefined;
  }

  return {
    handlers: api,
    problem,
    stuck: stuck.promise,
    start() {
      for (const watch of certificates) watch.start();
      running = superviseSessions({
        config,
        state,
        logger,
        metrics,
        stillness: new Stillness(tellAfterMs),
        leaving: leaving.signal,
        ending: ending.signal,
        onApplied: () => waiting.wakeAll(),
        onStuck: stuck.resolve,
        onOpen: (open) => {
          session = open;
          onReady(problem() === undefined);
        },
      });
    },
    leave: () => leaving.abort(),
    async close() {
      leaving.abort();
      ending.abort();
      await Promise.all(certificates.map((watch) => watch.close()));
      await running;
    },
  };
}
