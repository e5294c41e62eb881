import { crc32c, createRecordsBatch, type MessageRecord } from '@platformatic/kafka';

export interface BatchOptions {
  readonly firstOffset: bigint;
  readonly records: readonly Omit<MessageRecord, 'topic'>[];
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly producerId?: bigint;
  /** Offset delta of the last record in the header of the batch. Default: the correct value. */
  readonly lastDelta?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
}

/** Builds a batch as a broker stores it, with code of the client library. The auditor parses it with its own code. */
export function buildBatch(options: BatchOptions): Buffer {
  const { firstOffset, records, compression = 'none', lastDelta, producerId = -1n } = options;
  const messages = records.map((record) => ({ topic: 'test', ...record }));
  const batch = Buffer.from(createRecordsBatch(messages, { compression }).buffer);
  batch.writeBigInt64BE(firstOffset, 0);
  if (lastDelta !== undefined) batch.writeInt32BE(lastDelta, 23);
  batch.writeBigInt64BE(producerId, 43);
  const flags = (options.isTransactional === true ? 0x10 : 0) | (options.isControl === true ? 0x20 : 0);
  batch.writeInt16BE(batch.readInt16BE(21) | flags, 21);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** Returns the record of a marker that ends a transaction. */
export function marker(end: 'abort' | 'commit'): Omit<MessageRecord, 'topic'> {
  return { key: Buffer.from([0, 0, 0, end === 'commit' ? 1 : 0]), value: Buffer.alloc(6) };
}
