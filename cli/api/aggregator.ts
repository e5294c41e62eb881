import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { CliError, exitCodes } from '#cli/exit.ts';
import {
  type GetProofResponse,
  GetProofResponseSchema,
  GetTotalResponseSchema,
  type ListTotalsResponse,
  ListTotalsResponseSchema,
  type Total,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { formatVector, type Position } from '#core/vector.ts';
import { deadlineMaxMs, type HttpService } from './http.ts';

/** Deadline of a read that does not wait for positions, in milliseconds. */
const readDeadlineMs = 10_000;
/** Maximum number of totals in one page. */
const pageSize = 1000;

/**
 * Tries once to read one total. Before it responds, the aggregator waits until the positions in `atLeast` are applied.
 * If they are not applied after `waitMs`, it returns `position-not-reached`.
 */
export async function getTotal(
  service: HttpService,
  request: { series: string; atLeast: readonly Position[]; waitMs: number; signal: AbortSignal },
): Promise<Total> {
  const { series, atLeast, waitMs, signal } = request;
  const query = atLeast.length > 0 ? `?${new URLSearchParams({ atLeast: formatVector(atLeast) })}` : '';
  const answer = await read(service, GetTotalResponseSchema, {
    path: `/v1/totals/${encodeURIComponent(series)}${query}`,
    deadlineMs: atLeast.length > 0 ? Math.min(deadlineMaxMs, Math.max(1, Math.round(waitMs))) : readDeadlineMs,
    signal,
  });
  if (answer.total === undefined) throw unexpectedAnswer(service.name);
  return answer.total;
}

/** Reads one page of totals, in byte order of the series. */
export function listTotals(
  service: HttpService,
  request: { pageToken: string; signal: AbortSignal },
): Promise<ListTotalsResponse> {
  const query = new URLSearchParams({ pageSize: String(pageSize) });
  if (request.pageToken !== '') query.set('pageToken', request.pageToken);
  return read(service, ListTotalsResponseSchema, {
    path: `/v1/totals?${query}`,
    deadlineMs: readDeadlineMs,
    signal: request.signal,
  });
}

/** Reads the proof. If `recount` is true, the aggregator first compares the ledger with the total of every series. */
export function getProof(
  service: HttpService,
  request: { recount: boolean; signal: AbortSignal },
): Promise<GetProofResponse> {
  return read(service, GetProofResponseSchema, {
    path: request.recount ? '/v1/proof?recount=true' : '/v1/proof',
    // A recount reads the whole ledger: about 0.7 s per million additions.
    deadlineMs: request.recount ? deadlineMaxMs : readDeadlineMs,
    signal: request.signal,
  });
}

async function read<Desc extends DescMessage>(
  service: HttpService,
  schema: Desc,
  request: { path: string; deadlineMs: number; signal: AbortSignal },
): Promise<MessageShape<Desc>> {
  const answer = await service.request({ method: 'GET', ...request });
  try {
    // Unknown fields are ignored: the pipeline may be newer than this program.
    return fromJson(schema, answer as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw unexpectedAnswer(service.name, error);
  }
}

export function unexpectedAnswer(name: string, cause?: unknown): CliError {
  return new CliError(exitCodes.unreachable, `${name} did not respond like a SumPipeline service`, {
    hint: 'Check the URL. Check that this sumctl is not older than the pipeline (sumctl --version).',
    cause,
  });
}
