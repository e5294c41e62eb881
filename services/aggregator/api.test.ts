import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { GetProofRequestSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { RecountRequest, RecountResult } from '#services/ledger/port.ts';
import { AggregatorApi } from './api.ts';
import type { Session } from './session.ts';
import { AggregatorState } from './state.ts';
import { Waiting } from './waiting.ts';

test('one recount serves all requests that arrive while it runs, and the next request starts another recount', async () => {
  const recounts: PromiseWithResolvers<RecountResult>[] = [];
  // This fake session is enough for a proof. Other properties are undefined, so their use fails.
  const session = {
    ledger: {
      recount: (request: RecountRequest) => {
        assert.deepEqual(request, { from: 'start' });
        const recount = Promise.withResolvers<RecountResult>();
        recounts.push(recount);
        return recount.promise;
      },
      readBooks: async () => [],
    },
    topic: { offsets: async () => new Map() },
  } as unknown as Session;
  const api = new AggregatorApi({
    logEpoch: 1,
    state: new AggregatorState({ now: () => new Date(0), onVerdict: () => {} }),
    waiting: new Waiting({ readVector: async () => [], readPartitions: async () => new Set() }),
    session: () => session,
    now: () => new Date(0),
  });
  const ask = () => api.getProof(create(GetProofRequestSchema, { recount: true }));

  const both = [ask(), ask()];
  recounts[0]?.resolve({ additions: 0n, differences: [] });
  await Promise.all(both);
  assert.equal(recounts.length, 1);

  const failing = assert.rejects(ask());
  recounts[1]?.reject(new Error('the connection is gone'));
  await failing;
  const third = ask();
  recounts[2]?.resolve({ additions: 0n, differences: [] });
  await third;
  assert.equal(recounts.length, 3);
});
