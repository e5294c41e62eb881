import { create, fromBinary, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import {
  AddRequestSchema,
  type AddResponse,
  AddResponseSchema,
  Calculator as CalculatorDescriptor,
  type Position,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { AdditionInput } from '#core/addition.ts';
import { unexpectedAnswer } from './aggregator.ts';
import { Refused, TryAgain } from './failure.ts';
import type { GrpcChannel } from './grpc.ts';
import type { HttpService } from './http.ts';

export type Acknowledged = AddResponse & { readonly position: Position };

/** A connection to a calculator, over HTTP or gRPC. */
export interface Calculator {
  /** The name that messages show. */
  readonly name: string;
  /** Tries once to add. Throws TryAgain, Refused, or a CliError. */
  add(addition: AdditionInput, signal: AbortSignal): Promise<Acknowledged>;
}

/**
 * Deadline of one addition, in milliseconds. It is longer than Kafka needs to elect a leader. If Kafka does not
 * respond within the deadline, the calculator returns `outcome-unknown`.
 */
const deadlineMs = 10_000;

/** Makes a calculator over HTTP/JSON, which works through every proxy. */
export function createHttpCalculator(service: HttpService): Calculator {
  const { name } = service;
  return {
    name,
    async add({ requestId, series, a, b }, signal) {
      const body = { requestId, series, a, b };
      const answer = await service.request({ method: 'POST', path: '/v1/additions', body, deadlineMs, signal });
      // Unknown fields are ignored: the pipeline may be newer than this program.
      const read = () => fromJson(AddResponseSchema, answer as JsonValue, { ignoreUnknownFields: true });
      return checkAnswer(name, requestId, read);
    },
  };
}

const addPath = `/${CalculatorDescriptor.typeName}/${CalculatorDescriptor.method.add.name}`;

/** Makes a calculator over gRPC. Imports use it, because many calls share one connection. */
export function createGrpcCalculator(channel: GrpcChannel): Calculator {
  const { name } = channel;
  return {
    name,
    async add({ requestId, series, a, b }, signal) {
      const message = toBinary(AddRequestSchema, create(AddRequestSchema, { requestId, series, a, b }));
      const answer = await channel.unary({ path: addPath, message, deadlineMs, signal });
      if (!answer.ok) throw explainStatus(answer);
      return checkAnswer(name, requestId, () => fromBinary(AddResponseSchema, answer.message));
    },
  };
}

/** Checks an acknowledgement: it must hold a position in the log and our request id. */
function checkAnswer(name: string, requestId: string, read: () => AddResponse): Acknowledged {
  let parsed: AddResponse;
  try {
    parsed = read();
  } catch (error) {
    throw unexpectedAnswer(name, error);
  }
  const { position } = parsed;
  if (position === undefined || parsed.requestId !== requestId) throw unexpectedAnswer(name);
  return { ...parsed, position };
}

/** Numbers of the gRPC statuses that can be retried. */
const deadlineExceeded = 4;
const unavailable = 14;

/**
 * Turns a gRPC status into an error. The error is TryAgain if the queue is full, if the deadline has passed, or for the
 * status "unavailable". For every other status it is Refused.
 */
function explainStatus(answer: {
  status: number;
  detail: string;
  code: string | undefined;
  field: string | undefined;
}) {
  const { status, detail, code, field } = answer;
  if (code === 'queue-full') return new TryAgain(detail, { mayBeWritten: false });
  // The server's library ends a call at its deadline, although our service may have written the addition already.
  if (status === deadlineExceeded) return new TryAgain(detail, { mayBeWritten: true });
  if (status === unavailable) return new TryAgain(detail, { mayBeWritten: code !== 'unavailable' });
  return new Refused({ status, code, field, detail });
}
