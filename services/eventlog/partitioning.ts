import { Partitioners, type PartitionMetadata } from 'kafkajs';

/**
 * Which partition a key belongs to: murmur2 as Java clients do it, so that every producer of the log agrees. kafkajs'
 * own partitioner does the hash; the partition count is ours, because kafkajs' may be minutes old.
 */
export class Partitioning {
  readonly #partitioner = Partitioners.DefaultPartitioner();
  readonly #metadata: PartitionMetadata[];

  constructor(count: number) {
    // The partitioner looks at nothing but how many there are.
    const unknown = { partitionErrorCode: 0, leader: 0, replicas: [], isr: [] };
    this.#metadata = Array.from({ length: count }, (_, partitionId) => ({ partitionId, ...unknown }));
  }

  get count(): number {
    return this.#metadata.length;
  }

  partitionFor(key: Uint8Array): number {
    const message = { key: Buffer.from(key), value: null };
    return this.#partitioner({ topic: '', partitionMetadata: this.#metadata, message });
  }
}
