import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { KafkaMessage } from 'kafkajs';
import { z } from 'zod';
import { AdditionRecordSchema } from '#contract/gen/sumpipeline/v1/record_pb.js';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { ports } from '#contract/ports.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import { type AdditionRow, canonical } from './rows.ts';

/** An acknowledged addition, with the position that the calculator returned. */
export interface Receipt extends AdditionRow {
  readonly requestId: string;
  readonly partition: number;
  readonly offset: string;
}

export interface CollectOptions {
  /** Address of the Service of a calculator. */
  readonly address: string;
  readonly rows: Iterable<AdditionRow>;
  readonly signal: AbortSignal;
  /** Called when an attempt was not acknowledged. The same id is then sent again. */
  readonly onRefused: () => void;
}

/**
 * Adds one row after the other until the signal, by HTTP and gRPC in turn. A row is sent again with the same id until
 * it is acknowledged.
 */
export async function collectReceipts({ address, rows, signal, onRefused }: CollectOptions): Promise<Receipt[]> {
  using grpc = new GrpcClient(`${address}:${ports.grpc}`, Calculator);
  const receipts: Receipt[] = [];
  for (const row of rows) {
    if (signal.aborted) break;
    const request = { requestId: randomUUID(), ...row };
    const add = receipts.length % 2 === 0 ? () => addByHttp(address, request) : () => addByGrpc(grpc, request);
    receipts.push({ ...request, ...(await untilAcknowledged(add, onRefused)) });
  }
  return receipts;
}

type Request = AdditionRow & { readonly requestId: string };
type Place = Pick<Receipt, 'partition' | 'offset'>;

/** Maximum wait for an acknowledgement, in milliseconds: longer than any fault of the tests takes. */
const acknowledgedWithinMs = 180_000;

async function untilAcknowledged(add: () => Promise<Place>, onRefused: () => void): Promise<Place> {
  const deadline = performance.now() + acknowledgedWithinMs;
  for (;;) {
    try {
      return await add();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      onRefused();
      await sleep(100);
    }
  }
}

const answerSchema = z.object({
  position: z.object({ partition: z.number().default(0), offset: z.string().default('0') }),
});

async function addByHttp(address: string, request: Request): Promise<Place> {
  const response = await fetch(`http://${address}:${ports.http}/v1/additions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${text}`);
  return answerSchema.parse(JSON.parse(text)).position;
}

async function addByGrpc(grpc: GrpcClient<typeof Calculator>, request: Request): Promise<Place> {
  const answer = await grpc.call('add', request, { deadlineMs: 10_000 });
  if (!answer.ok) throw new Error(`gRPC ${answer.code}: ${answer.details}`);
  const { position } = answer.response;
  if (position === undefined) throw new Error('an acknowledgement without a position');
  return { partition: position.partition, offset: String(position.offset) };
}

/** Describes a record of the log: `id series a b`. */
export function describeRecord(message: KafkaMessage | undefined): string {
  if (message?.value == null || message.key == null) return 'nothing';
  const { requestId, series, a, b } = fromBinary(AdditionRecordSchema, message.value);
  if (!message.key.equals(requestId)) return 'a record whose key is not its id';
  return `${toUuid(message.key)} ${series} ${a} ${b}`;
}

/** Describes an addition with the same text as its record in the log, where numbers are canonical. */
export function describeAddition({ requestId, series, a, b }: Request): string {
  return `${requestId} ${series} ${canonical(a)} ${canonical(b)}`;
}

function toUuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
