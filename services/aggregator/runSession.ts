import { Releasers } from '#platform/releasers.ts';
import { doneUnlessAborted, untilAborted } from '#platform/signals.ts';
import { kafkaSettings } from '#services/eventlog/settings.ts';
import { openLogTopic } from '#services/eventlog/topic.ts';
import { openLedger } from '#services/ledger/ledger.ts';
import { healthOf, healthy } from './health.ts';
import { readLog } from './reading.ts';
import type { SessionOptions } from './session.ts';
import { TopicFile } from './topicFile.ts';
import { StuckError } from './watch.ts';

/**
 * Opens the ledger, lets the API read it, and counts the log into it until the signal is aborted. The connection to
 * Kafka may end and open again within a session, so reads are served while Kafka is down. Throws the errors of opening
 * the ledger, and StuckError.
 */
export async function runSession(options: SessionOptions, signal: AbortSignal): Promise<void> {
  const { config, state, logger, onOpen } = options;
  const releasers = new Releasers(logger);
  try {
    const ledger = await openLedger(config, logger);
    releasers.add('ledger', () => ledger.close());
    if (!(await doneUnlessAborted(ledger.migrate(), signal))) return;
    // Check the owner before the API shows totals: they may be of another pipeline. This works without Kafka.
    await ledger.requireOwner();
    state.store = healthy('connected to PostgreSQL');
    const topic = openLogTopic({ settings: kafkaSettings(config), logger });
    releasers.add('topic', () => topic.close());
    const session = { ledger, topic, topicFile: new TopicFile({ config, topic, logger }) };
    onOpen(session);
    releasers.add('API', () => onOpen(undefined));
    await readLog(options, session, signal);
    // Keep the session open: the process has left the consumer group, but still serves reads.
    await untilAborted(signal);
  } catch (error) {
    if (!(error instanceof StuckError)) state.store = healthOf(error);
    throw error;
  } finally {
    await releasers.releaseAll();
  }
}
