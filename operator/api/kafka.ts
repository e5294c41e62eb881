import { z } from 'zod';
import { atomicList, boundedMap, immutable, namespaceName, objectName, secretKey, withRules } from './schema.ts';

/**
 * Replication factor when the field is not set. It is not a default of the CRD, because a topic with management
 * External must not have the field.
 */
export const topicReplicasDefault = 3;
const topicMinInSyncReplicasDefault = 2;

/**
 * Returns min.insync.replicas. Default: 2 for a topic with 3 or more replicas, otherwise 1. With 2 or more replicas the
 * topic can be written while one broker is down. A topic with one replica needs the value 1.
 */
export function minInSyncReplicas(topic: { replicas?: number | undefined; minInSyncReplicas?: number | undefined }) {
  const replicas = topic.replicas ?? topicReplicasDefault;
  return topic.minInSyncReplicas ?? (replicas < topicReplicasDefault ? 1 : topicMinInSyncReplicasDefault);
}

/**
 * Topic settings that `config` must not contain, because exactness depends on them. Retention and minInSyncReplicas are
 * fields of the spec. The operator sets all other settings of this list to fixed values.
 */
const reservedTopicSettings = [
  'cleanup.policy',
  'compression.type',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'unclean.leader.election.enable',
] as const;

const comeBack = 'delete the SumPipeline (its data is kept) and apply it again with the new value; it resumes';
const startNew = 'the totals were counted from this log; create a new SumPipeline for another log';

const cluster = z
  .object({
    name: immutable(objectName(), `cannot change: ${startNew}`).describe(
      'Name of the Strimzi Kafka object. Immutable.',
    ),
    namespace: namespaceName()
      .optional()
      .describe(
        "Namespace of the Kafka object; the pipeline's own when unset. A Kafka in another namespace must permit it with the annotation sumpipeline.dev/allowed-namespaces, and its owner must install the Role in manifests/kafka-access. Immutable.",
      ),
    listener: z
      .string()
      .min(1)
      .max(11)
      .regex(/^[a-z0-9]+$/, 'must be the name of a Strimzi listener: lower-case letters and digits')
      .default('tls')
      .describe(
        "Name of the listener in the Kafka object. Its address, whether it speaks TLS and the CA are read from the Kafka object's status.",
      ),
  })
  .describe('A Kafka cluster run by Strimzi. Set this or bootstrapServers.');

const clusterRules = withRules(cluster, {
  // CEL writes `__namespace__` for the field `namespace`, because `namespace` is a reserved word.
  rule: 'has(self.__namespace__) == has(oldSelf.__namespace__) && (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)',
  reason: 'FieldValueForbidden',
  message: `cannot change: ${startNew}`,
  fieldPath: '.namespace',
});

const tls = withRules(
  z.object({
    enabled: z.boolean().default(true).describe('Whether to use TLS for Kafka.'),
    caSecretRef: z
      .object({
        name: objectName().describe('Name of a Secret in the namespace of the pipeline.'),
        key: secretKey().default('ca.crt').describe('Key that holds the certificate in PEM.'),
      })
      .describe(
        'The CA that signed the certificates of the brokers. Unset: the system CAs. A changed Secret is read again without a restart.',
      )
      .optional(),
  }),
  {
    rule: 'self.enabled || !has(self.caSecretRef)',
    reason: 'FieldValueForbidden',
    message: 'is used only with TLS: set tls.enabled to true or remove it',
    fieldPath: '.caSecretRef',
    holds: (self) => self.enabled || self.caSecretRef === undefined,
  },
).describe('TLS for bootstrapServers. With kafka.cluster, the listener determines whether TLS is used.');

const scram = z
  .object({
    mechanism: z
      .enum(['SCRAM-SHA-256', 'SCRAM-SHA-512'])
      .default('SCRAM-SHA-512')
      .describe('SCRAM mechanism of the listener.'),
    secretRef: z
      .object({
        name: objectName().describe('Name of a Secret in the namespace of the pipeline.'),
        usernameKey: secretKey().default('username').describe('Key that holds the user name.'),
        passwordKey: secretKey().default('password').describe('Key that holds the password.'),
      })
      .describe('Where the user name and the password are. A changed Secret is read again without a restart.'),
  })
  .describe('User name and password with SCRAM.');

const topic = withRules(
  z.object({
    name: z
      .string()
      .min(1)
      .max(249)
      .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/, 'must be the name of a Kafka topic: letters, digits, ., _ and -')
      .optional()
      .describe(
        'Name of the topic; <namespace>.<name> of the pipeline when unset. A topic managed through Strimzi must begin with <namespace>. of the pipeline. Immutable.',
      ),
    management: immutable(z.enum(['Managed', 'External']), `cannot change: ${comeBack}`)
      .default('Managed')
      .describe(
        'Managed: the topic is created, grown and checked for you, through a KafkaTopic when kafka.cluster is set, otherwise by the aggregators. External: you manage the topic; the pipeline only reads and writes its records. Immutable.',
      ),
    partitions: z
      .int32()
      .min(1)
      .max(1024)
      .optional()
      .describe(
        'Number of partitions of a Managed topic. It is also the maximum number of aggregators that can work at the same time. It can only grow.',
      ),
    replicas: z
      .int32()
      .min(1)
      .max(32767)
      .optional()
      .describe('Replication factor of a Managed topic; 3 when unset. Less than 3 shows as condition DurabilityWeak.'),
    minInSyncReplicas: z
      .int32()
      .min(1)
      .max(32767)
      .optional()
      .describe(
        'Brokers that must have an addition before it is acknowledged; 2 when unset, or 1 with fewer than 3 replicas. Less than 2 shows as condition DurabilityWeak.',
      ),
    retention: z
      .string()
      .min(2)
      .max(8)
      .regex(/^[1-9][0-9]{0,6}[mhd]$/, 'must be a whole number with m, h or d, such as 12h or 30d')
      .optional()
      .describe(
        'How long a Managed topic keeps additions: a whole number with m, h or d, such as 30d; forever when unset. It must be longer than the longest time the aggregators may be down.',
      ),
    shared: z
      .boolean()
      .optional()
      .describe(
        'Whether other SumPipelines may count this topic too, each into totals of its own. Every one of them must set true; otherwise only one of them runs, and the others are Stalled with reason LogInUse.',
      ),
    config: withRules(
      boundedMap(z.string().max(1024), 64),
      {
        rule: `self.all(key, !(key in [${reservedTopicSettings.map((name) => `'${name}'`).join(', ')}]))`,
        message: `exactness depends on ${reservedTopicSettings.join(', ')}: remove them; retention and minInSyncReplicas have their own fields, the others are fixed`,
        holds: (self) => !reservedTopicSettings.some((name) => Object.hasOwn(self, name)),
      },
      {
        rule: "self.all(key, key.matches('^[a-z][a-z0-9.]{0,127}$'))",
        message: 'a key must be a topic setting of Kafka, such as segment.bytes or max.message.bytes',
        holds: (self) => Object.keys(self).every((key) => /^[a-z][a-z0-9.]{0,127}$/.test(key)),
      },
    )
      .describe('Further settings of a Managed topic, such as segment.bytes. Values are strings.')
      .optional(),
  }),
  {
    rule: 'has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)',
    reason: 'FieldValueForbidden',
    message: `cannot change: ${startNew}`,
    fieldPath: '.name',
  },
  {
    rule: "self.management != 'Managed' || has(self.partitions)",
    reason: 'FieldValueRequired',
    message: 'is required for a Managed topic; there is no default, because the number can only grow',
    fieldPath: '.partitions',
    holds: (self) => self.management !== 'Managed' || self.partitions !== undefined,
  },
  {
    rule: "self.management != 'External' || !(has(self.partitions) || has(self.replicas) || has(self.minInSyncReplicas) || has(self.retention) || has(self.config))",
    message:
      'an External topic is yours: remove partitions, replicas, minInSyncReplicas, retention and config, or set management to Managed',
    holds: (self) =>
      self.management !== 'External' ||
      (self.partitions ?? self.replicas ?? self.minInSyncReplicas ?? self.retention ?? self.config) === undefined,
  },
  {
    rule: '!has(oldSelf.partitions) || (has(self.partitions) && self.partitions >= oldSelf.partitions)',
    reason: 'FieldValueForbidden',
    message: 'can only grow: Kafka cannot remove partitions',
    fieldPath: '.partitions',
  },
  {
    rule: `!has(self.minInSyncReplicas) || self.minInSyncReplicas <= (has(self.replicas) ? self.replicas : ${topicReplicasDefault})`,
    message: `must not exceed replicas (${topicReplicasDefault} when unset): no addition would ever be acknowledged`,
    fieldPath: '.minInSyncReplicas',
    holds: (self) => minInSyncReplicas(self) <= (self.replicas ?? topicReplicasDefault),
  },
).describe('The topic that is the log of additions.');

export const kafkaSchema = withRules(
  z.object({
    cluster: clusterRules.describe('A Kafka cluster run by Strimzi. Set this or bootstrapServers.').optional(),
    bootstrapServers: atomicList(
      z
        .string()
        .min(3)
        .max(260)
        .regex(/^[^:\s,]+:[0-9]{1,5}$/, 'must be host:port'),
      32,
    )
      .min(1)
      .describe(
        'Addresses of brokers as host:port. Set this or cluster. The addresses may change: the log is identified by its cluster id, not by its address.',
      )
      .optional(),
    tls: tls.optional(),
    auth: z.object({ scram }).describe('How the pods authenticate to Kafka. Unset: without authentication.').optional(),
    topic,
  }),
  {
    rule: 'has(self.cluster) != has(self.bootstrapServers)',
    message: 'set exactly one of cluster (Strimzi) and bootstrapServers',
    holds: (self) => (self.cluster === undefined) !== (self.bootstrapServers === undefined),
  },
  {
    rule: 'has(self.cluster) == has(oldSelf.cluster)',
    reason: 'FieldValueForbidden',
    message: `cannot change between cluster and bootstrapServers: ${comeBack}`,
  },
  {
    rule: '!(has(self.cluster) && has(self.tls))',
    reason: 'FieldValueForbidden',
    message: 'is only for bootstrapServers: with cluster, the listener determines TLS; remove it',
    fieldPath: '.tls',
    holds: (self) => self.cluster === undefined || self.tls === undefined,
  },
).describe('Where the log of additions is.');
