import { createAPI, fetchV12, type Reader } from '@platformatic/kafka';

/** The used part of a Fetch response for one partition. Of the records it has only the header of the first batch. */
export interface FetchedHeader {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  /** Aborted transactions with records at or after the requested offset. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
  readonly batch: BatchHeader | undefined;
}

interface BatchHeader {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
}

/**
 * Sends a Fetch request, version 12. Uses the request of @platformatic/kafka, but not its parser, which unpacks the
 * records without a size limit. The records are not needed here.
 */
export const fetchHeader = createAPI(1, 12, fetchV12.createRequest, parseResponse);

function parseResponse(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): FetchedHeader[] {
  reader.readInt32(); // throttle time
  reader.readInt16(); // error of a fetch session: sessions are not used
  reader.readInt32(); // session
  const topics = reader.readArray((topic) => {
    topic.readString();
    return topic.readArray(parsePartition, true, false);
  });
  return topics.flat();
}

function parsePartition(reader: Reader): FetchedHeader {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = reader.readInt64();
  const lastStableOffset = reader.readInt64();
  reader.readInt64(); // start of the log
  const aborted =
    reader.readNullableArray((one) => ({ producerId: one.readInt64(), firstOffset: one.readInt64() })) ?? [];
  reader.readInt32(); // replica to read from
  const size = reader.readUnsignedVarInt() - 1;
  const end = reader.position + Math.max(0, size);
  const batch = size >= batchHeaderBytes ? parseBatch(reader) : undefined;
  reader.skip(end - reader.position);
  reader.readTaggedFields();
  return { partition, errorCode, highWatermark, lastStableOffset, aborted, batch };
}

/** Bytes of the header up to the producer id. The epoch, the sequence and the number of records follow. */
const batchHeaderBytes = 8 + 4 + 4 + 1 + 4 + 2 + 4 + 8 + 8 + 8;

function parseBatch(reader: Reader): BatchHeader {
  const firstOffset = reader.readInt64();
  reader.readInt32(); // length
  const leaderEpoch = reader.readInt32();
  reader.readInt8(); // magic
  reader.readInt32(); // checksum
  const attributes = reader.readInt16();
  const lastOffset = firstOffset + BigInt(reader.readInt32());
  reader.readInt64(); // first timestamp
  return {
    firstOffset,
    lastOffset,
    leaderEpoch,
    attributes,
    maxTimestamp: reader.readInt64(),
    producerId: reader.readInt64(),
  };
}
