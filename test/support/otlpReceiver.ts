import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A span as received. Ids are in hex, times in nanoseconds since the Unix epoch. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  /** Kind of the span: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Id of the parent span. Empty for a root span. */
  readonly parentSpanId: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly start: bigint;
  readonly end: bigint;
  /** Status of the span: 0 unset, 1 ok, 2 error. */
  readonly status: number;
}

/** A stand-in for an OpenTelemetry collector: accepts OTLP over HTTP as protobuf and keeps the spans. */
export interface OtlpReceiver extends AsyncDisposable {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Requests that are not spans. It should be empty. */
  readonly refused: string[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const refused: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isTraces = request.method === 'POST' && request.url === '/v1/traces';
      if (isTraces && request.headers['content-type'] === 'application/x-protobuf') {
        spans.push(...readRequest(Buffer.concat(chunks)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      } else {
        refused.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
        response.writeHead(400).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The fields of one message by number. The field numbers are those of opentelemetry/proto/trace/v1. */
type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wireType === WireType.Bit64) values.push(BigInt(reader.fixed64()));
    else if (wireType === WireType.Varint) values.push(BigInt(reader.uint64()));
    else reader.skip(wireType, number);
  }
  return fields;
}

const empty = new Uint8Array();
const allBytes = (fields: Fields, number: number): Uint8Array[] =>
  (fields.get(number) ?? []).filter((value) => typeof value !== 'bigint');
const oneBytes = (fields: Fields, number: number): Uint8Array => allBytes(fields, number)[0] ?? empty;
const oneNumber = (fields: Fields, number: number): bigint => {
  const value = fields.get(number)?.[0];
  return typeof value === 'bigint' ? value : 0n;
};
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function readRequest(bytes: Uint8Array): ReceivedSpan[] {
  return allBytes(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const fields = fieldsOf(resourceSpans);
    const resource = readAttributes(fieldsOf(oneBytes(fields, 1)), 1);
    const service = String(resource['service.name']);
    const scopes = allBytes(fields, 2).map(fieldsOf);
    return scopes.flatMap((scope) => allBytes(scope, 2).map((span) => readSpan(service, fieldsOf(span))));
  });
}

function readSpan(service: string, span: Fields): ReceivedSpan {
  return {
    service,
    name: text(oneBytes(span, 5)),
    kind: Number(oneNumber(span, 6)),
    traceId: hex(oneBytes(span, 1)),
    spanId: hex(oneBytes(span, 2)),
    parentSpanId: hex(oneBytes(span, 4)),
    links: allBytes(span, 13)
      .map(fieldsOf)
      .map((link) => ({ traceId: hex(oneBytes(link, 1)), spanId: hex(oneBytes(link, 2)) })),
    attributes: readAttributes(span, 9),
    start: oneNumber(span, 7),
    end: oneNumber(span, 8),
    status: Number(oneNumber(fieldsOf(oneBytes(span, 15)), 3)),
  };
}

function readAttributes(fields: Fields, number: number): Record<string, string | number | boolean> {
  const pairs = allBytes(fields, number).map(fieldsOf);
  return Object.fromEntries(pairs.map((pair) => [text(oneBytes(pair, 1)), readValue(fieldsOf(oneBytes(pair, 2)))]));
}

function readValue(value: Fields): string | number | boolean {
  if (value.has(1)) return text(oneBytes(value, 1));
  if (value.has(2)) return oneNumber(value, 2) === 1n;
  return Number(oneNumber(value, 3));
}
