import type { AggregatorConfig } from '#contract/config.ts';
import type { DataPlaneMetric } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { Releasers } from '#platform/releasers.ts';
import { doneUnlessAborted, untilAborted } from '#platform/signals.ts';
import type { LogTopic } from '#services/eventlog/port.ts';
import { kafkaSettings } from '#services/eventlog/settings.ts';
import { openLogTopic } from '#services/eventlog/topic.ts';
import { openLedger, type PostgresLedger } from '#services/ledger/ledger.ts';
import { healthOf, healthy } from './health.ts';
import { readLog } from './reading.ts';
import type { AggregatorState } from './state.ts';
import { StuckError } from './watch.ts';

export interface SessionOptions {
  readonly config: AggregatorConfig;
  readonly state: AggregatorState;
  readonly logger: Logger;
  readonly metrics: Metrics<DataPlaneMetric>;
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
}

/**
 * Opens the books, lets the API read them, and counts the log into them until the signal. The log has its own, shorter
 * lives inside: readers are answered while Kafka is away. Throws what keeps the books closed, and StuckError.
 */
export async function runSession(options: SessionOptions, signal: AbortSignal): Promise<void> {
  const { config, state, logger, onOpen } = options;
  const releasers = new Releasers(logger);
  try {
    const ledger = await openLedger(config, logger);
    releasers.add('ledger', () => ledger.close());
    if (!(await doneUnlessAborted(ledger.migrate(), signal))) return;
    // Whose books these are needs no Kafka: nobody may read a stranger's totals through us meanwhile.
    await ledger.requireOwner();
    state.store = healthy('the books are open');
    const topic = openLogTopic({ settings: kafkaSettings(config), logger });
    releasers.add('topic', () => topic.close());
    onOpen({ ledger, topic });
    releasers.add('API', () => onOpen(undefined));
    await readLog(options, { ledger, topic }, signal);
    // Left the group, still answering.
    await untilAborted(signal);
  } catch (error) {
    if (!(error instanceof StuckError)) state.store = healthOf(error);
    throw error;
  } finally {
    await releasers.releaseAll();
  }
}
