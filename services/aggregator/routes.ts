import type { JsonValue } from '@bufbuild/protobuf';
import type { Aggregator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { invalidField } from '#core/errors.ts';
import { parseVector } from '#core/vector.ts';
import type { HttpRoute } from '#services/rpc/method.ts';

/** The HTTP routes of the Aggregator service. They check the types of query parameters, which are text. */
export const aggregatorRoutes: readonly HttpRoute<typeof Aggregator>[] = [
  {
    method: 'listTotals',
    verb: 'GET',
    path: '/v1/totals',
    request: {
      kind: 'path',
      query: ['pageSize', 'pageToken'],
      build: ({ query }) => ({
        pageSize: wholeNumber('pageSize', query['pageSize'] ?? '0'),
        pageToken: query['pageToken'] ?? '',
      }),
    },
  },
  {
    method: 'getTotal',
    verb: 'GET',
    path: '/v1/totals/:series',
    request: {
      kind: 'path',
      query: ['atLeast'],
      build: ({ params, query }) => ({
        series: params['series'] ?? '',
        atLeast: positions(query['atLeast'] ?? ''),
      }),
    },
  },
  {
    method: 'getAddition',
    verb: 'GET',
    path: '/v1/additions/:requestId',
    request: { kind: 'path', query: [], build: ({ params }) => ({ requestId: params['requestId'] ?? '' }) },
  },
  {
    method: 'getProof',
    verb: 'GET',
    path: '/v1/proof',
    request: {
      kind: 'path',
      query: ['recount'],
      build: ({ query }) => ({ recount: flag('recount', query['recount'] ?? 'false') }),
    },
  },
];

function positions(text: string): JsonValue {
  const parsed = parseVector(text);
  if (!parsed.ok) throw invalidField('atLeast', parsed.problem);
  return parsed.value.map(({ partition, offset, logEpoch }) => ({ partition, offset: String(offset), logEpoch }));
}

function wholeNumber(field: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidField(field, `must be a whole number, not "${text.slice(0, 40)}"`);
  return Number(text);
}

function flag(field: string, text: string): boolean {
  if (text !== 'true' && text !== 'false')
    throw invalidField(field, `must be true or false, not "${text.slice(0, 40)}"`);
  return text === 'true';
}
