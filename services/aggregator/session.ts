import type { AggregatorConfig } from '#contract/config.ts';
import type { AggregatorMetrics } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import type { LogTopic } from '#services/eventlog/port.ts';
import type { PostgresLedger } from '#services/ledger/ledger.ts';
import type { AggregatorState } from './state.ts';
import type { Stillness } from './stillness.ts';
import type { TopicFile } from './topicFile.ts';

export interface SessionOptions {
  readonly config: AggregatorConfig;
  readonly state: AggregatorState;
  readonly logger: Logger;
  readonly metrics: Metrics<AggregatorMetrics>;
  /** Outlives sessions: a partition stands still also while readers die in between. */
  readonly stillness: Stillness;
  /** Aborted first, on the way out: give the partitions back, go on answering. */
  readonly leaving: AbortSignal;
  readonly onApplied: () => void;
  /** What the API may read through; undefined when the session has ended. */
  readonly onOpen: (session: Session | undefined) => void;
}

/** One life of the connections, from secrets that were read just now. */
export interface Session {
  readonly ledger: PostgresLedger;
  readonly topic: LogTopic;
  readonly topicFile: Pick<TopicFile, 'ensure' | 'ensureIfChanged' | 'problem'>;
}
