import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Addition, parseAddition } from '#core/addition.ts';
import { SumError } from '#core/errors.ts';
import { equalBytes, fingerprintOf } from '#core/fingerprint.ts';
import { requestIdFromBytes, requestIdToBytes } from '#core/requestId.ts';
import { AdditionRecordSchema } from './gen/sumpipeline/v1/record_pb.js';

/** Header with the version of the record's format, and the newest version. */
export const schemaHeader = 'sumpipeline-schema';
export const schemaVersion = 1;
/** Header with the W3C Trace Context of the addition, if it is sampled. It does not affect the sums. */
export const traceHeader = 'traceparent';

/** One log record as bytes, as the calculator appends it. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export function encodeRecord(addition: Addition): EncodedRecord {
  const requestId = requestIdToBytes(addition.requestId);
  const { series, a, b, result } = addition;
  const message = create(AdditionRecordSchema, {
    requestId,
    series,
    a,
    b,
    result,
    fingerprint: fingerprintOf({ series, a, b }),
  });
  return {
    key: requestId,
    value: toBinary(AdditionRecordSchema, message),
    headers: { [schemaHeader]: String(schemaVersion) },
  };
}

/** Result of decoding a log record. */
export type DecodedRecord =
  | { readonly kind: 'addition'; readonly addition: Addition }
  /** The record is unreadable. The aggregator parks it. The total is not exact while a parked record exists. */
  | { readonly kind: 'undecodable'; readonly reason: string }
  /** A newer calculator wrote the record. Counting stops before this record until the aggregators are upgraded. */
  | { readonly kind: 'newer'; readonly version: number }
  /**
   * The record is readable but contradicts itself: the log or the network changed bytes. Counting stops before this
   * record. It is not parked, because the next read may return the right bytes.
   */
  | { readonly kind: 'corrupt'; readonly reason: string };

export interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Text of the schema header. Undefined if the header is absent. */
  readonly schema: string | undefined;
}

export function decodeRecord(raw: RawRecord): DecodedRecord {
  if (raw.schema === undefined) return undecodable(`header ${schemaHeader} is absent`);
  if (!/^[1-9]\d*$/.test(raw.schema)) return undecodable(`header ${schemaHeader} is not a whole number above 0`);
  const version = Number(raw.schema);
  if (version > schemaVersion) return { kind: 'newer', version };
  if (raw.value === null) return undecodable('the record has no value');
  let message: { requestId: Uint8Array; series: string; a: string; b: string; result: string; fingerprint: Uint8Array };
  try {
    message = fromBinary(AdditionRecordSchema, raw.value);
  } catch {
    return undecodable('the value is not an AdditionRecord');
  }
  const requestId = requestIdFromBytes(message.requestId);
  if (requestId === undefined) return undecodable('request_id is not 16 bytes');
  if (raw.key === null || !equalBytes(raw.key, message.requestId)) return undecodable('the key is not the request_id');
  const { series, a, b } = message;
  let addition: Addition;
  try {
    addition = parseAddition({ requestId, series, a, b });
  } catch (error) {
    if (error instanceof SumError) return undecodable(error.message);
    throw error;
  }
  if (addition.series !== series || addition.a !== a || addition.b !== b)
    return undecodable('operands are not canonical');
  if (addition.result !== message.result) {
    return { kind: 'corrupt', reason: `result is ${message.result} but a + b is ${addition.result}` };
  }
  if (!equalBytes(fingerprintOf({ series, a, b }), message.fingerprint)) {
    return { kind: 'corrupt', reason: 'the fingerprint does not match the operands' };
  }
  return { kind: 'addition', addition };
}

function undecodable(reason: string): DecodedRecord {
  return { kind: 'undecodable', reason };
}
