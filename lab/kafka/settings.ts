/** A broker that is also a controller. */
export interface KafkaNode {
  /** Number of the node, from 1. */
  readonly id: number;
  /** Port of the SASL_SSL listener, for all clients. */
  readonly securePort: number;
  /**
   * Port of the PLAINTEXT listener on loopback, for the brokers, and for audits that must not depend on a password.
   */
  readonly plaintextPort: number;
  /** Port of the controller (KRaft) on loopback. */
  readonly controllerPort: number;
}

export interface NodeSettings {
  readonly node: KafkaNode;
  /** Every node, this one included. */
  readonly nodes: readonly KafkaNode[];
  /** The address of the SASL_SSL listener. */
  readonly host: string;
  readonly dataDir: string;
  /** PEM file with key, certificate and CA, one after the other. */
  readonly keyStore: string;
  readonly trustStore: string;
  readonly adminName: string;
}

const loopback = '127.0.0.1';

/**
 * Builds the server.properties of one node. The settings are as durable as the number of nodes allows, and let Kafka
 * find a dead node quickly.
 */
export function buildProperties({ node, nodes, host, dataDir, keyStore, trustStore, adminName }: NodeSettings): string {
  const replicas = Math.min(3, nodes.length);
  const minInSync = replicas > 2 ? 2 : 1;
  const listeners = [
    `SASL_SSL://${host}:${node.securePort}`,
    `PLAINTEXT://${loopback}:${node.plaintextPort}`,
    `CONTROLLER://${loopback}:${node.controllerPort}`,
  ].join(',');
  return toProperties({
    'process.roles': 'broker,controller',
    'node.id': node.id,
    // Name the voters here (static voters). So Kafka does not store their ports, and the ports may change at a restart.
    'controller.quorum.voters': nodes.map(({ id, controllerPort }) => `${id}@${loopback}:${controllerPort}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    listeners,
    'advertised.listeners': listeners,
    'log.dirs': dataDir,

    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': trustStore,
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    // This setting replaces a JAAS file.
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // ANONYMOUS is every client of the loopback listeners: the brokers, the controllers, and audits.
    'super.users': `User:${adminName};User:ANONYMOUS`,

    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': 1,

    // A restart after kill -9 waits until the old session ends: 4 s with this value, 12 s with the default.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 300,
    // Do not wait for more members before the first rebalance of a group. The default is 3 s.
    'group.initial.rebalance.delay.ms': 0,
    // 4 MB, so that the heap can be 256 MB. The default size of this buffer is 128 MB.
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'num.network.threads': 2,
    'num.io.threads': 4,
  });
}

function toProperties(settings: Record<string, string | number | boolean>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
