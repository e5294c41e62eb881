import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type AddResponse, AddResponseSchema, type Position } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { AdditionInput } from '#core/addition.ts';
import { unexpectedAnswer } from './aggregator.ts';
import type { HttpService } from './http.ts';

export type Acknowledged = AddResponse & { readonly position: Position };

/** When Kafka has not answered by then, the calculator says `outcome-unknown`. Longer than an election of a leader. */
const addDeadlineMs = 10_000;

/** One attempt to add. Throws TryAgain, Refused, or a CliError. */
export async function postAddition(
  service: HttpService,
  addition: AdditionInput,
  signal: AbortSignal,
): Promise<Acknowledged> {
  const { requestId, series, a, b } = addition;
  const answer = await service.request({
    method: 'POST',
    path: '/v1/additions',
    body: { requestId, series, a, b },
    deadlineMs: addDeadlineMs,
    signal,
  });
  let parsed: AddResponse;
  try {
    parsed = fromJson(AddResponseSchema, answer as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw unexpectedAnswer(service.name, error);
  }
  const { position } = parsed;
  // An acknowledgement is a position in the log: without one it is none.
  if (position === undefined || parsed.requestId !== requestId) throw unexpectedAnswer(service.name);
  return { ...parsed, position };
}
