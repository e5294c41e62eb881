import { createAPI, fetchV12, type Reader } from '@platformatic/kafka';
import type { AbortedTransaction } from './batches.ts';

/** A Fetch response for one partition. The records are bytes, because the auditor parses them with its own code. */
export interface Fetched {
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer;
}

/** The Fetch request in version 12, which Kafka 2.8 to 4 support. */
export const fetchRaw = createAPI(1, 12, fetchV12.createRequest, parseResponse);

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): Fetched[] {
  reader.readInt32(); // throttle time
  reader.readInt16(); // error of a fetch session; sessions are not used
  reader.readInt32(); // session
  const topics = reader.readArray((topic) => {
    topic.readString();
    return topic.readArray(parsePartition, true, false);
  });
  return topics.flat();
}

function parsePartition(reader: Reader): Fetched {
  reader.readInt32(); // partition: only one was requested
  const errorCode = reader.readInt16();
  const highWatermark = reader.readInt64();
  const lastStableOffset = reader.readInt64();
  reader.readInt64(); // start of the log
  const aborted =
    reader.readNullableArray((one) => ({ producerId: one.readInt64(), firstOffset: one.readInt64() })) ?? [];
  reader.readInt32(); // replica to read from
  const size = Math.max(0, reader.readUnsignedVarInt() - 1);
  const records = reader.buffer.slice(reader.position, reader.position + size);
  reader.skip(size);
  reader.readTaggedFields();
  return { errorCode, highWatermark, lastStableOffset, aborted, records };
}
