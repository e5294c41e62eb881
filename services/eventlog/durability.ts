import type { Health } from '#contract/verdict.ts';
import type { TopicSettings } from './port.ts';

/** Minimum number of replicas and of in-sync replicas. With fewer, Kafka can lose records that it acknowledged. */
const replicasMin = 3;
const minInSyncReplicasMin = 2;
/**
 * Minimum retention, in milliseconds: Kafka must keep records while no aggregator runs, for example during an outage.
 */
const retentionMsMin = 7 * 24 * 3600 * 1000;

/** Judges the effective settings of the topic. Weak settings are only reported: the pipeline works with them. */
export function durabilityHealth(settings: TopicSettings): Health {
  const problems = [
    settings.replicas < replicasMin && `replication factor is ${settings.replicas}, must be at least ${replicasMin}`,
    settings.minInSyncReplicas < minInSyncReplicasMin &&
      `min.insync.replicas is ${settings.minInSyncReplicas}, must be at least ${minInSyncReplicasMin}`,
    settings.uncleanLeaderElection &&
      'unclean.leader.election.enable is true, must be false: otherwise acknowledged records can be lost',
    settings.cleanupPolicy !== 'delete' && `cleanup.policy is ${settings.cleanupPolicy}, must be delete`,
    settings.timestampType !== 'LogAppendTime' &&
      `message.timestamp.type is ${settings.timestampType}, must be LogAppendTime: otherwise clients' clocks control retention`,
    settings.retentionMs >= 0 &&
      settings.retentionMs < retentionMsMin &&
      `retention.ms is ${settings.retentionMs} (${describeHours(settings.retentionMs)}), must be at least 7 days to survive an outage of the aggregators`,
    settings.retentionBytes >= 0 &&
      `retention.bytes is ${settings.retentionBytes}, must be -1: otherwise records can be deleted uncounted`,
  ].filter((problem) => problem !== false);
  if (problems.length === 0) {
    return { ok: true, reason: 'Durable', message: 'the topic settings keep all acknowledged records' };
  }
  return {
    ok: false,
    reason: 'SettingsWeak',
    message: `${problems.join('; ')}. Change the topic's settings to get full durability`,
  };
}

function describeHours(ms: number): string {
  return `${Math.round(ms / 360_000) / 10} h`;
}
