import type { AggregatorConfig } from '#contract/config.ts';
import { untilFilesChange } from '#platform/secretWatch.ts';
import { backoffMs, pause } from '#platform/time.ts';
import { runSession } from './runSession.ts';
import type { SessionOptions } from './session.ts';
import { StuckError } from './watch.ts';

/** First and longest wait after a failed session, so that retries do not overload Kafka and PostgreSQL. */
const waits = { minimumMs: 500, maximumMs: 15_000, random: Math.random };
/** If a session worked for this long, the next failure starts with a short wait again. */
const healthyAfterMs = 60_000;

export interface SuperviseOptions extends SessionOptions {
  /** If this signal is aborted, the session and the supervision end. */
  readonly ending: AbortSignal;
  /** Called when a session ended with StuckError. A new session still starts: only the caller ends the process. */
  readonly onStuck: (error: StuckError) => void;
}

/**
 * Runs sessions one after the other until a signal is aborted. If a session fails or secrets change, a new session
 * begins and reads the secrets again. Never rejects: sets errors in the state, and logs each failure once.
 */
export async function superviseSessions(options: SuperviseOptions): Promise<void> {
  const { config, logger, leaving, ending: signal, onStuck } = options;
  for (let failures = 0; !signal.aborted && !leaving.aborted; ) {
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const startedAt = Date.now();
    void untilFilesChange(secretPaths(config), either).then(() => {
      if (!either.aborted) logger.info({}, 'secrets changed; reconnecting');
      ending.abort();
    });
    try {
      await runSession(options, either);
    } catch (error) {
      if (error instanceof StuckError) onStuck(error);
      if (Date.now() - startedAt > healthyAfterMs) failures = 0;
      const waitMs = backoffMs(failures++, waits);
      logger.error({ error, waitMs }, 'the session failed; retrying');
      // Changed secrets may fix the failure, so they end the wait early.
      await pause(waitMs, either);
    } finally {
      ending.abort();
    }
  }
}

function secretPaths(config: AggregatorConfig): string[] {
  return [
    config.SUMPIPELINE_KAFKA_CA_FILE,
    config.SUMPIPELINE_KAFKA_USERNAME_FILE,
    config.SUMPIPELINE_KAFKA_PASSWORD_FILE,
    config.SUMPIPELINE_STORE_URI_FILE,
    config.SUMPIPELINE_STORE_CA_FILE,
  ].filter((path) => path !== undefined);
}
