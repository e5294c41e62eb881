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
  /** Finds partitions without progress. All sessions share it, because a crashing session may end before the limit. */
  readonly stillness: Stillness;
  /** Aborted at the start of a shutdown: then the session leaves the consumer group, but still serves reads. */
  readonly leaving: AbortSignal;
  readonly onApplied: () => void;
  /** Called with the session that the API may read through, and with undefined when the session has ended. */
  readonly onOpen: (session: Session | undefined) => void;
}

/** One set of connections. The secrets are read again for each session. */
export interface Session {
  readonly ledger: PostgresLedger;
  readonly topic: LogTopic;
  readonly topicFile: Pick<TopicFile, 'ensure' | 'ensureIfChanged' | 'problem'>;
}
