import type { Health } from '#contract/verdict.ts';
import type { TopicSettings } from './port.ts';

/** What the promise "provided Kafka keeps what it acknowledged" needs of the topic's effective settings. */
const replicasMin = 3;
const minInSyncReplicasMin = 2;
/** The longest outage of the aggregators that we plan for: a record must not expire before it is counted. */
const retentionMsMin = 7 * 24 * 3600 * 1000;

/** Judges the effective settings of the log. Weak settings are shown, they stop nothing. */
export function judgeDurability(settings: TopicSettings): Health {
  const problems = [
    settings.replicas < replicasMin && `replication factor is ${settings.replicas}, at least ${replicasMin} is durable`,
    settings.minInSyncReplicas < minInSyncReplicasMin &&
      `min.insync.replicas is ${settings.minInSyncReplicas}, at least ${minInSyncReplicasMin} is durable`,
    settings.uncleanLeaderElection && 'unclean.leader.election.enable is true, which loses acknowledged records',
    settings.cleanupPolicy !== 'delete' && `cleanup.policy is ${settings.cleanupPolicy}, must be delete`,
    settings.timestampType !== 'LogAppendTime' &&
      `message.timestamp.type is ${settings.timestampType}, must be LogAppendTime: a client's clock would drive retention`,
    settings.retentionMs >= 0 &&
      settings.retentionMs < retentionMsMin &&
      `retention.ms is ${settings.retentionMs} (${describeHours(settings.retentionMs)}), at least 7 days outlast an outage`,
    settings.retentionBytes >= 0 &&
      `retention.bytes is ${settings.retentionBytes}: records may go by size before they are counted`,
  ].filter((problem) => problem !== false);
  if (problems.length === 0) {
    return { ok: true, reason: 'Durable', message: 'the settings of the topic keep what Kafka acknowledged' };
  }
  return {
    ok: false,
    reason: 'SettingsWeak',
    message: `${problems.join('; ')}. Change the topic's settings to get the full promise`,
  };
}

function describeHours(ms: number): string {
  return `${Math.round(ms / 360_000) / 10} h`;
}
