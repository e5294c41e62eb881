import { ProtocolError } from '@platformatic/kafka';
import { shareWhileOpen } from '#platform/share.ts';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError } from '#services/eventlog/errors.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { evenWithErrors } from './answers.ts';
import type { BrokerConnections } from './connections.ts';

/** The leader of a partition. The object is replaced, never changed: another object means another leader. */
export interface Leader {
  readonly node: number;
  readonly epoch: number;
  /** `host:port`; undefined while the partition has no reachable leader. */
  readonly address: string | undefined;
}

export interface TopicMetadataOptions {
  readonly settings: KafkaSettings;
  /** Connections for metadata requests, never those for appends. */
  readonly connections: BrokerConnections;
  /** Called after a response that changed leaders or added partitions. */
  readonly onChange: () => void;
}

/** Longest wait for the metadata of one connected broker; another broker responds in the meantime. */
const answerTimeoutMs = 2_000;

/**
 * Brokers that get a request at the same time. One response is enough; a large cluster must not get a request per
 * broker.
 */
const askedMax = 6;

interface MetadataAnswer {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly errorCode: number;
    readonly topicId: string;
    readonly partitions: readonly {
      readonly errorCode: number;
      readonly partitionIndex: number;
      readonly leaderId: number;
      readonly leaderEpoch: number;
    }[];
  }[];
}

/**
 * Which partitions the log has and which broker leads each. Several brokers get the request at the same time, because
 * one may be hung. Their metadata may differ, so the highest leader epoch of each partition wins, even if it comes
 * late.
 */
export class TopicMetadata {
  readonly #options: TopicMetadataOptions;
  /** Brokers that responded are first. */
  #addresses: string[];
  #leaders = new Map<number, Leader>();
  #topicId: string | undefined;

  constructor(options: TopicMetadataOptions) {
    this.#options = options;
    this.#addresses = [...options.settings.bootstrapServers];
  }

  /** Partitions are numbered from 0 and only grow in number. */
  get partitionCount(): number {
    return this.#leaders.size;
  }

  /** Kafka's id of the topic, as last seen; a re-created topic with the same name has another id. */
  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** `host:port` of the brokers that Kafka listed last, and of those in the settings. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  leaderOf(partition: number): Leader | undefined {
    return this.#leaders.get(partition);
  }

  /**
   * Reads the metadata now, or joins the request in flight. Resolves with the first response, throws LogError if no
   * broker responds.
   */
  readonly refresh = shareWhileOpen(() => this.#ask());

  async #ask(): Promise<void> {
    const asked = this.#addresses.slice(0, askedMax);
    try {
      await Promise.any(asked.map((address) => this.#askOne(address)));
    } catch (error) {
      throw explainKafkaError(error, this.#options.settings);
    }
  }

  async #askOne(address: string): Promise<void> {
    const { settings, connections } = this.#options;
    try {
      const { connection, versions } = await connections.get(address);
      const question = evenWithErrors(versions.metadata.async(connection, [settings.topic], false, false));
      this.take(await withDeadline(`the metadata from ${address}`, answerTimeoutMs, question));
    } catch (error) {
      // Move the address to the end, so that a long list of dead addresses does not hide working ones.
      if (this.#addresses.includes(address)) {
        this.#addresses = [...this.#addresses.filter((other) => other !== address), address];
      }
      throw error;
    }
  }

  /**
   * Merges the metadata of one broker. Throws ProtocolError if the topic has an error, for example if it is missing.
   */
  take({ brokers, topics }: MetadataAnswer): void {
    const [topic] = topics;
    if (topic === undefined) throw new Error("the broker's response lacks the requested topic");
    if (topic.errorCode !== 0) throw new ProtocolError(topic.errorCode);
    const nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    this.#keepAddresses(nodes);
    let isChanged = false;
    if (topic.topicId !== this.#topicId) {
      // In a re-created topic the leader epochs begin again.
      this.#leaders = new Map();
      this.#topicId = topic.topicId;
      isChanged = true;
    }
    for (const { partitionIndex, leaderId, leaderEpoch } of topic.partitions) {
      const old = this.#leaders.get(partitionIndex);
      const address = nodes.get(leaderId);
      if (old !== undefined && leaderEpoch < old.epoch) continue;
      if (old !== undefined && leaderEpoch === old.epoch && (address === undefined || address === old.address))
        continue;
      this.#leaders.set(partitionIndex, { node: leaderId, epoch: leaderEpoch, address });
      isChanged = true;
    }
    if (isChanged) this.#options.onChange();
  }

  /** The bootstrap servers stay in the list: they are needed if every broker moves to another address. */
  #keepAddresses(nodes: ReadonlyMap<number, string>): void {
    const wanted = new Set([...nodes.values(), ...this.#options.settings.bootstrapServers]);
    const kept = this.#addresses.filter((address) => wanted.has(address));
    this.#addresses = [...kept, ...[...wanted].filter((address) => !kept.includes(address))];
    this.#options.connections.keepOnly(wanted);
  }
}
