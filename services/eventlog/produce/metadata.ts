import { ProtocolError } from '@platformatic/kafka';
import { shareWhileOpen } from '#platform/share.ts';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError } from '#services/eventlog/errors.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { evenWithErrors } from './answers.ts';
import type { BrokerConnections } from './connections.ts';

/** The leader of a partition. The object is never changed: a new leader is a new object. */
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

/** Maximum wait for the metadata of one connected broker. Usually another broker responds earlier. */
const answerTimeoutMs = 2_000;

/**
 * Maximum number of brokers that get the request at the same time. One response is enough, so not every broker of a
 * large cluster gets a request.
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
 * Knows the partitions of the topic and which broker leads each. Sends the request to several brokers at the same
 * time, because one may be hung. Their metadata may differ, so the highest leader epoch of each partition is used, in
 * whatever order the responses arrive.
 */
export class TopicMetadata {
  readonly #options: TopicMetadataOptions;
  /** Addresses to ask. An address that failed is moved to the end. */
  #addresses: string[];
  #leaders = new Map<number, Leader>();
  #topicId: string | undefined;

  constructor(options: TopicMetadataOptions) {
    this.#options = options;
    this.#addresses = [...options.settings.bootstrapServers];
  }

  /** Number of partitions, which are numbered from 0. It shrinks only if the topic was created again. */
  get partitionCount(): number {
    return this.#leaders.size;
  }

  /** Kafka's id of the topic, as last seen. A topic that was deleted and created again has another id. */
  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** `host:port` of the brokers that Kafka listed last, and of the bootstrap servers. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  leaderOf(partition: number): Leader | undefined {
    return this.#leaders.get(partition);
  }

  /**
   * Reads the metadata now, or joins the request in flight. Resolves after the first response. Throws LogError if no
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
      this.take(await withDeadline(`reading the metadata from ${address}`, answerTimeoutMs, question));
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
      // The leader epochs of another topic begin again, so they cannot be compared.
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

  /** Replaces the addresses. Keeps the bootstrap servers: they are needed if every broker moves to another address. */
  #keepAddresses(nodes: ReadonlyMap<number, string>): void {
    const wanted = new Set([...nodes.values(), ...this.#options.settings.bootstrapServers]);
    const kept = this.#addresses.filter((address) => wanted.has(address));
    this.#addresses = [...kept, ...[...wanted].filter((address) => !kept.includes(address))];
    this.#options.connections.keepOnly(wanted);
  }
}
