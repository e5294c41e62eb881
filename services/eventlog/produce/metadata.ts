import { ProtocolError } from '@platformatic/kafka';
import { shareWhileOpen } from '#platform/share.ts';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError } from '#services/eventlog/errors.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { evenWithErrors } from './answers.ts';
import type { BrokerConnections } from './connections.ts';

/** Who leads a partition. A value is replaced, never changed: another object means that another broker leads. */
export interface Leader {
  readonly node: number;
  readonly epoch: number;
  /** `host:port`; undefined while the partition has no leader that we could dial. */
  readonly address: string | undefined;
}

export interface TopicMetadataOptions {
  readonly settings: KafkaSettings;
  /** Connections for questions, never those that carry appends. */
  readonly connections: BrokerConnections;
  /** After an answer that changed leaders or added partitions. */
  readonly onChange: () => void;
}

/** Longest wait for one broker to tell what it knows, once it is connected: another one answers meanwhile. */
const answerTimeoutMs = 2_000;

/** Brokers asked at once: any of them will do, and a large cluster is not to be asked as a whole every few seconds. */
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
 * Which partitions the log has and who leads them. Several brokers are asked at once, because one of them may be hung;
 * they may know different things, so the highest leader epoch of each partition wins, however late its answer comes.
 */
export class TopicMetadata {
  readonly #options: TopicMetadataOptions;
  /** Those that answered are in front. */
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

  /** Kafka's id of the topic that was seen last; a topic of that name that is made again has another one. */
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
   * Asks now, or joins the question that is on its way. Resolves with the first answer, throws LogError when no broker
   * gave one.
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
      // Behind the others, so that a long list of dead addresses does not hide the living ones.
      if (this.#addresses.includes(address)) {
        this.#addresses = [...this.#addresses.filter((other) => other !== address), address];
      }
      throw error;
    }
  }

  /** Takes over what one broker said. Throws ProtocolError when the topic itself has an error, as when it is missing. */
  take({ brokers, topics }: MetadataAnswer): void {
    const [topic] = topics;
    if (topic === undefined) throw new Error("the broker's response lacks the requested topic");
    if (topic.errorCode !== 0) throw new ProtocolError(topic.errorCode);
    const nodes = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    this.#keepAddresses(nodes);
    let isChanged = false;
    if (topic.topicId !== this.#topicId) {
      // Another topic of that name counts its epochs from the start.
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

  /** Those of the settings stay: they are the way back when every broker has moved to another address. */
  #keepAddresses(nodes: ReadonlyMap<number, string>): void {
    const wanted = new Set([...nodes.values(), ...this.#options.settings.bootstrapServers]);
    const kept = this.#addresses.filter((address) => wanted.has(address));
    this.#addresses = [...kept, ...[...wanted].filter((address) => !kept.includes(address))];
    this.#options.connections.keepOnly(wanted);
  }
}
