import { type DescMethod, type DescService, type Message, toBinary } from '@bufbuild/protobuf';
import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from '#platform/log.ts';
import { withDeadline } from '#platform/time.ts';
import type { TraceCarrier } from '#platform/tracing/spans.ts';
import type { Answer, Calls } from './calls.ts';
import { decodeBinary } from './decode.ts';
import type { Failure } from './failure.ts';
import type { BoundMethod } from './handlers.ts';
import { bodyBytesMax } from './limits.ts';
import { addReflection } from './reflection.ts';

export interface GrpcOptions {
  readonly service: DescService;
  readonly methods: ReadonlyMap<string, BoundMethod>;
  readonly calls: Calls;
  readonly address: string;
  /** With port 0 the system picks a free port. */
  readonly port: number;
  readonly logger: Logger;
}

export interface GrpcServer {
  readonly port: number;
  /** Sets what the health service (grpc.health.v1) returns, for the service and for the whole server. */
  setServing(isServing: boolean): void;
  close(withinMs: number): Promise<void>;
}

/**
 * Maximum age of a connection, and the time that its calls in flight then get to end, in milliseconds. A client of a
 * headless Service resolves the name again only when a connection ends. Otherwise it would not find new pods.
 */
const connectionAgeMs = 10 * 60_000;
const connectionGraceMs = 30_000;
/** Maximum number of concurrent calls on one connection. The queue of the service limits all calls together. */
const concurrentStreamsMax = 1_000;

/** Serves a service over gRPC (plaintext HTTP/2), with health and reflection. */
export async function startGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { service, methods, calls, address, logger } = options;
  const server = new Server({
    'grpc.max_receive_message_length': bodyBytesMax,
    'grpc.max_concurrent_streams': concurrentStreamsMax,
    'grpc.max_connection_age_ms': connectionAgeMs,
    'grpc.max_connection_age_grace_ms': connectionGraceMs,
  });
  const definition: Record<string, MethodDefinition<Uint8Array, Message>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, bound] of methods) {
    definition[name] = defineMethod(bound);
    implementation[name] = (call: ServerUnaryCall<Uint8Array, Message>, callback: sendUnaryData<Message>) => {
      answer(bound, calls, call).then(
        (answered) => (answered.ok ? callback(null, answered.response) : callback(statusOf(answered.failure))),
        (error: unknown) => logger.error({ error, method: name }, 'a response could not be sent'),
      );
    };
  }
  server.addService(definition, implementation);
  const health = new HealthImplementation({ '': 'NOT_SERVING', [service.typeName]: 'NOT_SERVING' });
  health.addToServer(server);
  addReflection(server, service);
  const port = await bind(server, `${address}:${options.port}`);
  return {
    port,
    setServing(isServing) {
      for (const name of ['', service.typeName]) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
    },
    close: (withinMs) => close(server, withinMs, logger),
  };
}

/**
 * Returns a method definition that does not decode requests. `answer` decodes them instead: so a request that is not
 * valid gets INVALID_ARGUMENT, and the metrics count it.
 */
function defineMethod({ method }: BoundMethod): MethodDefinition<Uint8Array, Message> {
  const bytes = (value: Uint8Array) => Buffer.from(value);
  return {
    path: `/${nameOf(method)}`,
    originalName: method.localName,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: (buffer) => buffer,
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: () => {
      throw new Error('not used: a server does not read responses');
    },
  };
}

function answer(
  { method, handler }: BoundMethod,
  calls: Calls,
  call: ServerUnaryCall<Uint8Array, Message>,
): Promise<Answer<Message>> {
  const deadline = Number(call.getDeadline());
  return calls.run(
    {
      method: method.name,
      deadline: Number.isFinite(deadline) ? deadline : undefined,
      onGone: (gone) => call.on('cancelled', gone),
      trace: readTrace(call.metadata),
      span: { name: nameOf(method), attributes: { 'rpc.system.name': 'grpc', 'rpc.method': nameOf(method) } },
    },
    async (context) => handler(decodeBinary(method.input, call.request), context),
  );
}

function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

function readTrace(metadata: Metadata): TraceCarrier {
  const read = (name: string) => metadata.get(name)[0]?.toString();
  return { traceparent: read('traceparent'), tracestate: read('tracestate') };
}

function statusOf(failure: Failure): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set('sumpipeline-error-code', failure.code);
  // Send the field name only if gRPC metadata allows it (printable ASCII): a client may send a name with any character.
  if (failure.field !== undefined && /^[\x20-\x7e]{1,200}$/.test(failure.field)) {
    metadata.set('sumpipeline-error-field', failure.field);
  }
  return { code: failure.grpcStatus, details: failure.detail, metadata };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen for gRPC on ${address}`, { cause: error }));
    });
  });
}

async function close(server: Server, withinMs: number, logger: Logger): Promise<void> {
  const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  try {
    await withDeadline('gRPC calls in flight', withinMs, ended);
  } catch (error) {
    logger.warn({ error }, 'aborted gRPC calls in flight');
    server.forceShutdown();
  }
}
