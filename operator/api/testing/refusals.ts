import { type Changes, type Draft, fullDraft, strimziDraft } from './samples.ts';

/** One mistake of a user, and the error for it. */
export interface Refusal {
  /** Name of the case: what is wrong, such as `a Managed topic without partitions`. */
  readonly name: string;
  /** The draft to which the changes are made. Default: `minimalDraft`. */
  readonly from?: () => Draft;
  readonly set: Changes;
  /** Path of the field that the error names. */
  readonly path: string;
  /** What the API server says after the path. */
  readonly server: string;
  /** What `sumctl validate` says after the path. Default: the server's text without its error type. */
  readonly offline?: string;
}

const alone = 'Forbidden: cannot be set together with autoscaling: remove one of them';
const autoscaling = 'aggregator.autoscaling';
const cluster = { name: 'main', namespace: 'kafka' };
const hosts = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'x']));
const keyMessage =
  'Invalid value: a key must be name or prefix/name: the name has at most 63 letters, digits, -, _ and ., the prefix is a DNS name';
const ourLabels =
  'Invalid value: the operator writes sumpipeline.dev/*, app.kubernetes.io/component, app.kubernetes.io/instance, app.kubernetes.io/managed-by, app.kubernetes.io/name, app.kubernetes.io/part-of, pod-template-hash itself: use other keys';
const reserved =
  'Invalid value: exactness depends on cleanup.policy, compression.type, message.timestamp.type, min.insync.replicas, retention.bytes, retention.ms, unclean.leader.election.enable: remove them; retention and minInSyncReplicas have their own fields, the others are fixed';
const external =
  'Invalid value: an External topic is yours: remove partitions, replicas, minInSyncReplicas, retention and config, or set management to Managed';
const ownSchema = (name: string) =>
  `Invalid value: "${name}": must be a schema of its own: public, information_schema and pg_* are refused`;
const ownSchemaOffline = 'must be a schema of its own: public, information_schema and pg_* are refused';
const nameMessage =
  'Invalid value: must have at most 40 characters, begin with a lower-case letter, hold only lower-case letters, digits and -, and not end in -: names of Services are made from it';
const onePlace = 'Invalid value: set exactly one of cluster (Strimzi) and bootstrapServers';

/** Resources that are refused at creation. A test checks that every rule without `oldSelf` is listed here. */
export const refusals: readonly Refusal[] = [
  {
    name: 'a name of 41 characters',
    set: { '/metadata.name': 'a'.repeat(41) },
    path: 'metadata.name',
    server: nameMessage,
  },
  {
    name: 'a name that begins with a digit',
    set: { '/metadata.name': '1st' },
    path: 'metadata.name',
    server: nameMessage,
  },
  { name: 'a name with a dot', set: { '/metadata.name': 'a.b' }, path: 'metadata.name', server: nameMessage },

  { name: 'no kafka', set: { kafka: undefined }, path: 'spec.kafka', server: 'Required value', offline: 'is missing' },
  { name: 'no store', set: { store: undefined }, path: 'spec.store', server: 'Required value', offline: 'is missing' },
  { name: 'no spec', set: { '/spec': undefined }, path: 'spec', server: 'Required value', offline: 'is missing' },
  {
    name: 'neither cluster nor bootstrapServers',
    set: { 'kafka.bootstrapServers': undefined },
    path: 'spec.kafka',
    server: onePlace,
  },
  { name: 'cluster and bootstrapServers', set: { 'kafka.cluster': cluster }, path: 'spec.kafka', server: onePlace },
  {
    name: 'TLS settings beside a cluster',
    from: strimziDraft,
    set: { 'kafka.tls': { enabled: true } },
    path: 'spec.kafka.tls',
    server: 'Forbidden: is only for bootstrapServers: with cluster, the listener determines TLS; remove it',
  },
  {
    name: 'a CA without TLS',
    set: { 'kafka.tls': { enabled: false, caSecretRef: { name: 'ca' } } },
    path: 'spec.kafka.tls.caSecretRef',
    server: 'Forbidden: is used only with TLS: set tls.enabled to true or remove it',
  },
  {
    name: 'an auth without scram',
    set: { 'kafka.auth': {} },
    path: 'spec.kafka.auth.scram',
    server: 'Required value',
    offline: 'is missing',
  },
  {
    name: 'an unknown mechanism',
    set: { 'kafka.auth': { scram: { mechanism: 'PLAIN', secretRef: { name: 'user' } } } },
    path: 'spec.kafka.auth.scram.mechanism',
    server: 'Unsupported value: "PLAIN": supported values: "SCRAM-SHA-256", "SCRAM-SHA-512"',
    offline: 'must be SCRAM-SHA-256 or SCRAM-SHA-512',
  },
  {
    name: 'an address without a port',
    set: { 'kafka.bootstrapServers': ['kafka'] },
    path: 'spec.kafka.bootstrapServers[0]',
    server: 'Invalid value: "kafka": spec.kafka.bootstrapServers[0] in body should match \'^[^:\\s,]+:[0-9]{1,5}$\'',
    offline: 'must be host:port',
  },
  {
    name: 'no address at all',
    set: { 'kafka.bootstrapServers': [] },
    path: 'spec.kafka.bootstrapServers',
    server: 'Invalid value: 0: spec.kafka.bootstrapServers in body should have at least 1 items',
    offline: 'must have at least 1 entries',
  },
  {
    name: 'no topic',
    set: { 'kafka.topic': undefined },
    path: 'spec.kafka.topic',
    server: 'Required value',
    offline: 'is missing',
  },
  {
    name: 'a Managed topic without partitions',
    set: { 'kafka.topic': {} },
    path: 'spec.kafka.topic.partitions',
    server: 'Required value: is required for a Managed topic; there is no default, because the number can only grow',
  },
  {
    name: 'no partition',
    set: { 'kafka.topic.partitions': 0 },
    path: 'spec.kafka.topic.partitions',
    server: 'Invalid value: 0: spec.kafka.topic.partitions in body should be greater than or equal to 1',
    offline: 'must be at least 1',
  },
  {
    name: 'partitions as text',
    set: { 'kafka.topic.partitions': '3' },
    path: 'spec.kafka.topic.partitions',
    server: 'Invalid value: "string": spec.kafka.topic.partitions in body must be of type integer: "string"',
    offline: 'must be a number',
  },
  ...['partitions', 'replicas', 'minInSyncReplicas'].map((field) => ({
    name: `${field} of an External topic`,
    set: { 'kafka.topic': { management: 'External', [field]: 1 } },
    path: 'spec.kafka.topic',
    server: external,
  })),
  {
    name: 'retention of an External topic',
    set: { 'kafka.topic': { management: 'External', retention: '7d' } },
    path: 'spec.kafka.topic',
    server: external,
  },
  {
    name: 'settings of an External topic',
    set: { 'kafka.topic': { management: 'External', config: {} } },
    path: 'spec.kafka.topic',
    server: external,
  },
  {
    name: 'more replicas in sync than there are',
    set: { 'kafka.topic.replicas': 2, 'kafka.topic.minInSyncReplicas': 3 },
    path: 'spec.kafka.topic.minInSyncReplicas',
    server: 'Invalid value: must not exceed replicas (3 when unset): no addition would ever be acknowledged',
  },
  {
    name: 'more replicas in sync than the default',
    set: { 'kafka.topic.minInSyncReplicas': 4 },
    path: 'spec.kafka.topic.minInSyncReplicas',
    server: 'Invalid value: must not exceed replicas (3 when unset): no addition would ever be acknowledged',
  },
  {
    name: 'a retention without a unit',
    set: { 'kafka.topic.retention': '604800000' },
    path: 'spec.kafka.topic.retention',
    server: 'Too long: may not be more than 8 bytes',
    offline: 'must have at most 8 characters',
  },
  {
    name: 'a retention in seconds',
    set: { 'kafka.topic.retention': '30s' },
    path: 'spec.kafka.topic.retention',
    server: 'Invalid value: "30s": spec.kafka.topic.retention in body should match \'^[1-9][0-9]{0,6}[mhd]$\'',
    offline: 'must be a whole number with m, h or d, such as 12h or 30d',
  },
  {
    name: 'a topic name with a space',
    set: { 'kafka.topic.name': 'my topic' },
    path: 'spec.kafka.topic.name',
    server: 'Invalid value: "my topic": spec.kafka.topic.name in body should match \'^[A-Za-z0-9_-][A-Za-z0-9._-]*$\'',
    offline: 'must be the name of a Kafka topic: letters, digits, ., _ and -',
  },
  ...[
    'cleanup.policy',
    'compression.type',
    'message.timestamp.type',
    'min.insync.replicas',
    'retention.bytes',
    'retention.ms',
    'unclean.leader.election.enable',
  ].map((setting) => ({
    name: `the topic setting ${setting}`,
    set: { 'kafka.topic.config': { [setting]: '1' } },
    path: 'spec.kafka.topic.config',
    server: reserved,
  })),
  {
    name: 'an invalid topic setting',
    set: { 'kafka.topic.config': { 'Segment Bytes': '1' } },
    path: 'spec.kafka.topic.config',
    server: 'Invalid value: a key must be a topic setting of Kafka, such as segment.bytes or max.message.bytes',
  },
  {
    name: 'a topic setting that is a number',
    set: { 'kafka.topic.config': { flush: 1 } },
    path: 'spec.kafka.topic.config.flush',
    server: 'Invalid value: "integer": spec.kafka.topic.config.flush in body must be of type string: "integer"',
    offline: 'must be a string',
  },

  {
    name: 'the schema public',
    set: { 'store.postgres.schema': 'public' },
    path: 'spec.store.postgres.schema',
    server: ownSchema('public'),
    offline: ownSchemaOffline,
  },
  {
    name: 'a schema of PostgreSQL',
    set: { 'store.postgres.schema': 'pg_sums' },
    path: 'spec.store.postgres.schema',
    server: ownSchema('pg_sums'),
    offline: ownSchemaOffline,
  },
  {
    name: 'the information schema',
    set: { 'store.postgres.schema': 'information_schema' },
    path: 'spec.store.postgres.schema',
    server: ownSchema('information_schema'),
    offline: ownSchemaOffline,
  },
  {
    name: 'a schema with a capital',
    set: { 'store.postgres.schema': 'Sums' },
    path: 'spec.store.postgres.schema',
    server: 'Invalid value: "Sums": spec.store.postgres.schema in body should match \'^[a-z_][-a-z0-9_.]*$\'',
    offline: 'must begin with a lower-case letter or _ and hold only those, digits, ., _ and -',
  },
  {
    name: 'a Secret without a name',
    set: { 'store.postgres.secretRef': { uriKey: 'uri' } },
    path: 'spec.store.postgres.secretRef.name',
    server: 'Required value',
    offline: 'is missing',
  },
  {
    name: 'the same pull secret twice',
    set: { imagePullSecrets: [{ name: 'registry' }, { name: 'registry' }] },
    path: 'spec.imagePullSecrets[1]',
    server: 'Duplicate value: {"name":"registry"}',
    offline: 'has the same name as an entry before it',
  },
  {
    name: 'an image with a space',
    set: { image: 'my image' },
    path: 'spec.image',
    server: 'Invalid value: "my image": spec.image in body should match \'^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$\'',
    offline: 'must be the name of an image',
  },
  {
    name: 'annotations for an existing ServiceAccount',
    set: { serviceAccount: { name: 'mine', annotations: { a: 'b' } } },
    path: 'spec.serviceAccount.annotations',
    server: 'Forbidden: are for ServiceAccounts that the operator creates: remove them or remove name',
  },
  ...['calculator', 'aggregator'].flatMap((component) => [
    {
      name: `replicas beside autoscaling of the ${component}s`,
      set: { [component]: { replicas: 2, autoscaling: { max: 3 } } },
      path: `spec.${component}.replicas`,
      server: alone,
    },
    {
      name: `a minimum of ${component}s above the maximum`,
      set: { [component]: { autoscaling: { min: 3, max: 2 } } },
      path: `spec.${component}.autoscaling.min`,
      server: 'Invalid value: must not exceed max',
    },
  ]),
  {
    name: 'autoscaling of the aggregators from 0',
    set: { [autoscaling]: { min: 0 } },
    path: `spec.${autoscaling}.min`,
    server:
      'Invalid value: 0: must be at least 1: without an aggregator nothing is counted, and an HPA is disabled at 0',
    offline: 'must be at least 1: without an aggregator nothing is counted, and an HPA is disabled at 0',
  },
  {
    name: 'autoscaling of the calculators from 0',
    set: { 'calculator.autoscaling': { min: 0, max: 3 } },
    path: 'spec.calculator.autoscaling.min',
    server: 'Invalid value: 0: must be at least 1: without a calculator nothing is added, and an HPA is disabled at 0',
    offline: 'must be at least 1: without a calculator nothing is added, and an HPA is disabled at 0',
  },
  {
    name: 'no maximum of calculators',
    set: { 'calculator.autoscaling': {} },
    path: 'spec.calculator.autoscaling.max',
    server: 'Required value',
    offline: 'is missing',
  },
  ...(['min', 'max'] as const).map((bound) => ({
    name: `${bound} above the partitions`,
    set: { [autoscaling]: bound === 'min' ? { min: 4 } : { max: 4 } },
    path: `spec.${autoscaling}.${bound}`,
    server:
      'Invalid value: must not exceed kafka.topic.partitions: a partition has one reader, more aggregators would idle',
  })),
  {
    name: 'mode keda without Prometheus',
    set: { [autoscaling]: { mode: 'keda' } },
    path: `spec.${autoscaling}.prometheus`,
    server: 'Required value: is required in mode keda: KEDA queries Prometheus itself',
  },
  {
    name: 'Prometheus in mode hpa',
    set: { [autoscaling]: { prometheus: { serverAddress: 'http://prometheus:9090' } } },
    path: `spec.${autoscaling}.prometheus`,
    server: 'Forbidden: is for mode keda: remove it or set mode to keda',
  },
  {
    name: 'a capacity of 0',
    set: { [autoscaling]: { capacityHint: 0 } },
    path: `spec.${autoscaling}.capacityHint`,
    server: 'Invalid value: 0: spec.aggregator.autoscaling.capacityHint in body should be greater than or equal to 1',
    offline: 'must be at least 1',
  },
  {
    name: 'more aggregators than partitions',
    set: { 'aggregator.replicas': 4 },
    path: 'spec.aggregator.replicas',
    server:
      'Invalid value: must not exceed kafka.topic.partitions: a partition has one reader, more replicas would idle',
  },
  {
    name: 'a negative number of calculators',
    set: { 'calculator.replicas': -1 },
    path: 'spec.calculator.replicas',
    server: 'Invalid value: -1: spec.calculator.replicas in body should be greater than or equal to 0',
    offline: 'must be at least 0',
  },
  ...(['calculator', 'aggregator'] as const).flatMap((component) => [
    {
      name: `a label of ours on ${component} pods`,
      set: { [`${component}.podTemplate.labels`]: { 'sumpipeline.dev/name': 'x' } },
      path: `spec.${component}.podTemplate.labels`,
      server: ourLabels,
    },
    {
      name: `a recommended label on ${component} pods`,
      set: { [`${component}.podTemplate.labels`]: { 'app.kubernetes.io/name': 'x' } },
      path: `spec.${component}.podTemplate.labels`,
      server: ourLabels,
    },
    {
      name: `an annotation of ours on ${component} pods`,
      set: { [`${component}.podTemplate.annotations`]: { 'sumpipeline.dev/x': 'x' } },
      path: `spec.${component}.podTemplate.annotations`,
      server: 'Invalid value: the operator writes sumpipeline.dev/* itself: use other keys',
    },
    {
      name: `a label key with a space on ${component} pods`,
      set: { [`${component}.podTemplate.labels`]: { 'my team': 'x' } },
      path: `spec.${component}.podTemplate.labels`,
      server: keyMessage,
    },
    {
      name: `an annotation key with a space on ${component} pods`,
      set: { [`${component}.podTemplate.annotations`]: { 'my note': 'x' } },
      path: `spec.${component}.podTemplate.annotations`,
      server: keyMessage,
    },
    {
      name: `a node selector key with a space for ${component} pods`,
      set: { [`${component}.podTemplate.nodeSelector`]: { 'my node': 'x' } },
      path: `spec.${component}.podTemplate.nodeSelector`,
      server: keyMessage,
    },
    {
      name: `33 labels on ${component} pods`,
      set: { [`${component}.podTemplate.labels`]: many(33) },
      path: `spec.${component}.podTemplate.labels`,
      server: 'Too many: 33: must have at most 32 items',
      offline: 'must have at most 32 entries',
    },
    {
      name: `an invalid quantity for ${component} pods`,
      set: { [`${component}.resources`]: { limits: { memory: '1 GB' } } },
      path: `spec.${component}.resources.limits.memory`,
      server:
        'Invalid value: "1 GB": spec.' +
        `${component}.resources.limits.memory in body should match '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$'`,
      offline: 'must be a quantity such as 500m or 1Gi',
    },
    {
      name: `a selector key with a space in the affinity of ${component} pods`,
      set: {
        [`${component}.podTemplate.affinity`]: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'zone', labelSelector: { matchLabels: { 'my team': 'x' } } },
            ],
          },
        },
      },
      path: `spec.${component}.podTemplate.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchLabels`,
      server: keyMessage,
    },
  ]),
  {
    name: 'two rules of spreading for one place',
    set: { 'calculator.podTemplate': { topologySpreadConstraints: [hosts, hosts] } },
    path: 'spec.calculator.podTemplate.topologySpreadConstraints[1]',
    server: 'Duplicate value: {"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway"}',
    offline: 'has the same topologyKey and whenUnsatisfiable as an entry before it',
  },
  {
    name: 'a monitor label with a space',
    set: { monitoring: { labels: { 'my label': 'x' } } },
    path: 'spec.monitoring.labels',
    server: keyMessage,
  },
  {
    name: 'a collector without a scheme',
    set: { telemetry: { endpoint: 'otel-collector:4318' } },
    path: 'spec.telemetry.endpoint',
    server: 'Invalid value: "otel-collector:4318": spec.telemetry.endpoint in body should match',
    offline: 'must be a URL such as http://otel-collector.observability:4318',
  },
  {
    name: 'a password in the URL of the collector',
    set: { telemetry: { endpoint: 'https://me:secret@otel.example.com' } },
    path: 'spec.telemetry.endpoint',
    server: 'Invalid value: "https://me:secret@otel.example.com": spec.telemetry.endpoint in body should match',
    offline: 'must be a URL such as http://otel-collector.observability:4318',
  },
  {
    name: 'a share of the traces above 1',
    set: { telemetry: { endpoint: 'http://otel:4318', sampler: { argument: '5' } } },
    path: 'spec.telemetry.sampler.argument',
    server: 'Invalid value: "5": spec.telemetry.sampler.argument in body should match',
    offline: 'must be a number from 0 to 1, such as "0.01"',
  },
  {
    name: 'a share for a sampler that keeps all',
    set: { telemetry: { endpoint: 'http://otel:4318', sampler: { type: 'always_on', argument: '0.5' } } },
    path: 'spec.telemetry.sampler.argument',
    server: 'Forbidden: is for the types that end with traceidratio: remove it or change type',
  },
  {
    name: 'an annotation key with a space for ServiceAccounts',
    set: { serviceAccount: { annotations: { 'my note': 'x' } } },
    path: 'spec.serviceAccount.annotations',
    server: keyMessage,
  },
  {
    name: 'a deletion policy that does not exist yet',
    set: { deletionPolicy: 'Delete' },
    path: 'spec.deletionPolicy',
    server: 'Unsupported value: "Delete": supported values: "Retain"',
    offline: 'must be Retain',
  },
];

const startNew =
  'Forbidden: cannot change: the totals were counted from this log; create a new SumPipeline for another log';
const comeBack = 'delete the SumPipeline (its data is kept) and apply it again with the new value; it resumes';
const newSchema = 'Forbidden: cannot change: the totals are there; create a new SumPipeline for another schema';
const onlyGrow = 'Forbidden: can only grow: Kafka cannot remove partitions';

/** Changes that are refused: `from` exists, and `set` is tried. Only the API server can check a change. */
export const refusedChanges: readonly Refusal[] = [
  {
    name: 'another cluster',
    from: strimziDraft,
    set: { 'kafka.cluster.name': 'other' },
    path: 'spec.kafka.cluster.name',
    server: startNew,
  },
  {
    name: 'another namespace of Kafka',
    from: strimziDraft,
    set: { 'kafka.cluster.namespace': 'other' },
    path: 'spec.kafka.cluster.namespace',
    server: startNew,
  },
  {
    name: 'no namespace of Kafka any more',
    from: strimziDraft,
    set: { 'kafka.cluster.namespace': undefined },
    path: 'spec.kafka.cluster.namespace',
    server: startNew,
  },
  {
    name: 'from a cluster to addresses',
    from: strimziDraft,
    set: { 'kafka.cluster': undefined, 'kafka.bootstrapServers': ['kafka-1:9096'] },
    path: 'spec.kafka',
    server: `Forbidden: cannot change between cluster and bootstrapServers: ${comeBack}`,
  },
  {
    name: 'from addresses to a cluster',
    set: { 'kafka.bootstrapServers': undefined, 'kafka.cluster': cluster },
    path: 'spec.kafka',
    server: `Forbidden: cannot change between cluster and bootstrapServers: ${comeBack}`,
  },
  {
    name: 'another topic',
    from: fullDraft,
    set: { 'kafka.topic.name': 'other' },
    path: 'spec.kafka.topic.name',
    server: startNew,
  },
  {
    name: 'no name of the topic any more',
    from: fullDraft,
    set: { 'kafka.topic.name': undefined },
    path: 'spec.kafka.topic.name',
    server: startNew,
  },
  {
    name: 'a name for the topic, set later',
    set: { 'kafka.topic.name': 'other' },
    path: 'spec.kafka.topic.name',
    server: startNew,
  },
  {
    name: 'from Managed to External',
    set: { 'kafka.topic': { management: 'External' } },
    path: 'spec.kafka.topic.management',
    server: `Forbidden: cannot change: ${comeBack}`,
  },
  {
    name: 'fewer partitions',
    set: { 'kafka.topic.partitions': 2 },
    path: 'spec.kafka.topic.partitions',
    server: onlyGrow,
  },
  {
    name: 'another schema',
    from: fullDraft,
    set: { 'store.postgres.schema': 'other' },
    path: 'spec.store.postgres.schema',
    server: newSchema,
  },
  {
    name: 'no schema any more',
    from: fullDraft,
    set: { 'store.postgres.schema': undefined },
    path: 'spec.store.postgres.schema',
    server: newSchema,
  },
  {
    name: 'a schema, set later',
    set: { 'store.postgres.schema': 'other' },
    path: 'spec.store.postgres.schema',
    server: newSchema,
  },
];

/** Changes that are allowed. */
export const allowedChanges: readonly { name: string; from?: () => Draft; set: Changes }[] = [
  { name: 'other addresses', set: { 'kafka.bootstrapServers': ['kafka-9:9096'] } },
  { name: 'another listener', from: strimziDraft, set: { 'kafka.cluster.listener': 'tls' } },
  { name: 'TLS, set later', set: { 'kafka.tls': {} } },
  { name: 'no TLS any more', from: fullDraft, set: { 'kafka.tls': undefined } },
  { name: 'a user, set later', set: { 'kafka.auth': { scram: { secretRef: { name: 'user' } } } } },
  { name: 'no user any more', from: fullDraft, set: { 'kafka.auth': undefined } },
  { name: 'more partitions', set: { 'kafka.topic.partitions': 4 } },
  {
    name: 'more partitions and more aggregators at once',
    set: { 'kafka.topic.partitions': 5, 'aggregator.replicas': 5 },
  },
  { name: 'a retention, set later', set: { 'kafka.topic.retention': '12h' } },
  { name: 'no retention any more', from: fullDraft, set: { 'kafka.topic.retention': undefined } },
  { name: 'one replica, which changes the default of minInSyncReplicas', set: { 'kafka.topic.replicas': 1 } },
  { name: 'other settings', from: fullDraft, set: { 'kafka.topic.config': { 'segment.bytes': '1000000' } } },
  { name: 'no settings any more', from: fullDraft, set: { 'kafka.topic.config': undefined } },
  { name: 'another Secret', set: { 'store.postgres.secretRef.name': 'other' } },
  { name: 'a CA, set later', set: { 'store.postgres.caSecretRef': { name: 'ca' } } },
  { name: 'an image, set later', set: { image: 'sumpipeline:2' } },
  { name: 'no image any more', from: fullDraft, set: { image: undefined } },
  { name: 'no pull secrets any more', from: fullDraft, set: { imagePullSecrets: undefined } },
  { name: 'an existing ServiceAccount', from: fullDraft, set: { serviceAccount: { name: 'mine' } } },
  { name: 'no replicas any more', from: fullDraft, set: { 'calculator.replicas': undefined } },
  { name: 'no aggregator for a while', from: fullDraft, set: { 'aggregator.replicas': 0 } },
  { name: 'no settings of the calculators any more', from: fullDraft, set: { calculator: undefined } },
  { name: 'traces, set later', set: { telemetry: { endpoint: 'http://otel:4318' } } },
  { name: 'no traces any more', from: fullDraft, set: { telemetry: undefined } },
  { name: 'monitoring off', from: fullDraft, set: { monitoring: undefined } },
  {
    name: 'autoscaling instead of replicas',
    from: fullDraft,
    set: { 'aggregator.replicas': undefined, [autoscaling]: {} },
  },
];
