/**
 * The reasons in verdicts and proofs. The operator shows them as reasons of conditions. Programs read a reason, so it
 * never changes its meaning.
 */

/** What a reason means and what to do about it. */
export interface ReasonDoc {
  readonly meaning: string;
  /** An imperative sentence, or why no action is needed. */
  readonly action: string;
}

/** Reasons of `kafka` in a verdict. */
export const kafkaReasons = {
  Connected: { meaning: 'The aggregators read the topic.', action: 'No action needed.' },
  SecretMissing: {
    meaning: 'A mounted file with a user name, password or CA is missing or empty.',
    action: 'Create the Secret, or the key, that the message names.',
  },
  AuthenticationFailed: {
    meaning: 'Kafka refused the user name or password.',
    action: 'Correct the Secret that the message names. Pods read it again without a restart.',
  },
  NotAuthorized: {
    meaning: 'The Kafka user lacks an ACL.',
    action: 'Grant the operation that the message names. docs/strimzi.md lists the ACLs that are needed.',
  },
  TlsFailed: {
    meaning: 'The certificate of a broker is not trusted or is for another host, or the listener does not use TLS.',
    action: 'Correct spec.kafka.tls or its CA.',
  },
  TopicMissing: {
    meaning: 'The topic does not exist. If it existed before, its records are lost.',
    action: 'Create the topic. If it was deleted, restore it: the total is not proven until then.',
  },
  GroupLoading: {
    meaning: 'A broker has started, and the coordinator of the consumer group is reading its state.',
    action: 'No action needed: it takes seconds.',
  },
  Unreachable: {
    meaning: 'A broker refused or reset the connection or did not respond in time, or the partition has no leader.',
    action: 'Check brokers, addresses and network policies.',
  },
  LogChanged: {
    meaning: 'The topic was deleted and re-created, so it is not the log that was counted.',
    action: 'Restore the topic, or create a new SumPipeline with a new schema and topic.',
  },
  TopicConflict: {
    meaning: 'The topic has settings that the pipeline may not change, or Kafka refuses the wanted settings.',
    action:
      'Do what the message says. The name and the management of a topic cannot change: create a new SumPipeline for others.',
  },
  Failed: { meaning: 'Kafka returned an error that none of the other reasons covers.', action: 'Read the message.' },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of `store` in a verdict. */
export const storeReasons = {
  Connected: { meaning: 'The aggregators read and write their schema.', action: 'No action needed.' },
  SecretMissing: {
    meaning: 'The mounted file with the URI or the CA of PostgreSQL is missing or empty.',
    action: 'Create the Secret, or the key, that the message names.',
  },
  InvalidUri: {
    meaning: 'The URI of PostgreSQL is not valid, or has a parameter that is not supported.',
    action: 'Correct the URI in the Secret that the message names.',
  },
  AuthenticationFailed: {
    meaning: 'PostgreSQL refused the user or password.',
    action: 'Correct the URI in the Secret that the message names.',
  },
  DatabaseMissing: { meaning: 'The database does not exist.', action: 'Create the database, or correct the URI.' },
  PermissionDenied: {
    meaning: 'The user may not do what the message names.',
    action: 'Grant CREATE on the database, or create the schema and make the user its owner.',
  },
  PostgresTooOld: { meaning: 'PostgreSQL is older than 17.', action: 'Upgrade PostgreSQL.' },
  DatabaseEncoding: {
    meaning: 'The database does not have the encoding UTF8, so it would refuse some series.',
    action: "Create a database with ENCODING 'UTF8' TEMPLATE template0.",
  },
  SchemaTooNew: {
    meaning: 'A newer version of the aggregators migrated the schema.',
    action: 'Upgrade the image: a schema cannot be downgraded.',
  },
  SchemaLocked: {
    meaning: 'Another session holds the lock of the schema, usually the migration of another aggregator.',
    action: 'No action needed if it ends within minutes. Otherwise end the session that holds the lock.',
  },
  CertificateRefused: {
    meaning: 'The certificate of PostgreSQL is not signed by the CA, or is for another host.',
    action: 'Correct store.postgres.caSecretRef or the host in the URI.',
  },
  Unreachable: {
    meaning: 'PostgreSQL cannot be reached or does not respond.',
    action: 'Check the server, its address and network policies.',
  },
  StoreError: {
    meaning: 'PostgreSQL returned an error that none of the other reasons covers.',
    action: 'Read the message.',
  },
  RecountReplaced: {
    meaning: 'Other recounts of the same partition ended first, so a recount could not continue.',
    action: 'No action needed: the aggregators retry.',
  },
  Closed: { meaning: 'The aggregator is ending.', action: 'No action needed.' },
  StoreInUse: {
    meaning: 'The schema belongs to another pipeline.',
    action:
      'Delete this SumPipeline and create it again with another spec.store.postgres.schema. The field cannot change.',
  },
  GroupChanged: {
    meaning: 'The schema was counted with another consumer group.',
    action: 'Restore the name of the pipeline or its group.',
  },
  LogChanged: {
    meaning: 'The topic is not the log that was counted: its cluster, name or topic id differs.',
    action:
      'Point the pipeline back at the log that was counted, or create a new SumPipeline with a new schema and topic.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of `durability` in a verdict. */
export const durabilityReasons = {
  Durable: { meaning: 'The settings of the topic keep what Kafka acknowledged.', action: 'No action needed.' },
  SettingsWeak: {
    meaning: 'A setting of the topic or its brokers may lose acknowledged additions.',
    action: 'Change the settings that the message names.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of a halted partition. It is not counted until the cause is fixed. */
export const haltReasons = {
  RecordCorrupt: {
    meaning: 'A record contradicts itself: its result or its fingerprint does not match its operands.',
    action: 'Restart the aggregator: the network may have changed bytes. If it halts again, the log is damaged.',
  },
  RecordTooNew: {
    meaning: 'A record has a newer schema than the aggregators know. The total is exact up to this record.',
    action: 'Upgrade the aggregators.',
  },
  LogTruncated: {
    meaning: 'The log begins after the next offset, or ends before it: records are lost.',
    action: 'Restore the log. docs/runbooks/SumPipelinePartitionHalted.md says how to continue.',
  },
  LogRewritten: {
    meaning: 'The last counted record is no longer in the log: the log lost its end and grew again.',
    action: 'Run sumctl verify --from-log, and restore the log.',
  },
  LogGap: {
    meaning: 'Offsets are missing in the middle of the log.',
    action: 'Check the cleanup policy of the topic.',
  },
  BooksBroken: {
    meaning: 'A commit would have broken the conservation law, so it was refused.',
    action: 'Run sumctl verify: another program changed the tables.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of a stuck partition: it has lag and does not move, but is not halted. */
export const stuckReasons = {
  PartitionUnclaimed: {
    meaning: 'A partition has had lag for a minute, its next offset did not move, and no aggregator reports a cause.',
    action: 'Check that every aggregator runs, and that the consumer group does not rebalance repeatedly.',
  },
  PartitionStuck: {
    meaning: 'A partition has had lag for a minute, and its next offset did not move.',
    action: 'Fix the cause that the message names: a lock in PostgreSQL, an open transaction, a broker.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of `exact` in a verdict and in a proof. `exact` can also have a reason of a halt, of Kafka or PostgreSQL. */
export const exactReasons = {
  Exact: {
    meaning: 'Every record has one disposition, and the sum of the ledger equals the totals.',
    action: 'No action needed.',
  },
  Recounting: {
    meaning: 'The sum of the ledger is being compared with the totals.',
    action: 'No action needed: it takes about 0.7 s per million additions since the last checkpoint.',
  },
  RecountFailed: {
    meaning: 'The sum of the ledger cannot be compared with the totals.',
    action: 'Fix the error of PostgreSQL that the message names. The aggregators retry.',
  },
  RecountDiffers: {
    meaning: 'The sum of the ledger does not equal the totals: another program changed the tables.',
    action: 'Run sumctl verify, and compare with a backup.',
  },
  LawViolated: {
    meaning: 'The dispositions of a partition do not add up to its offsets.',
    action: 'Run sumctl verify, and compare with a backup.',
  },
  RecordsParked: {
    meaning: 'Records could not be counted and are kept in table parked.',
    action: 'Read the column reason of the table, and find the producer that wrote the records.',
  },
  PartitionMissing: {
    meaning: 'Kafka no longer lists a partition that was counted.',
    action: 'Restore the topic.',
  },
  LogUnreachable: {
    meaning: 'Kafka cannot list the partitions now, so nothing is proven.',
    action: 'Try again when Kafka responds.',
  },
} as const satisfies Record<string, ReasonDoc>;
