import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppendError } from '#services/eventlog/port.ts';
import { acknowledged, type ProduceAnswer } from './acknowledgement.ts';

type Part = ProduceAnswer['responses'][number]['partitionResponses'][number] & { name: string };

const part = (changes: Partial<Part> = {}): Part => ({
  name: 'log',
  index: 3,
  errorCode: 0,
  baseOffset: 41n,
  logAppendTimeMs: 1_700_000_000_000n,
  ...changes,
});
const answer = (...parts: Part[]): ProduceAnswer => ({
  responses: parts.map(({ name, ...partition }) => ({ name, partitionResponses: [partition] })),
});

test('a response with only the requested partition is an acknowledgement', () => {
  assert.deepEqual(acknowledged(answer(part()), 'log', 3), {
    partition: 3,
    baseOffset: 41n,
    appendedAt: 1_700_000_000_000,
  });
  assert.equal(acknowledged(answer(part({ logAppendTimeMs: -1n })), 'log', 3).appendedAt, undefined);
  const beyondDoubles = 9_007_199_254_740_993n;
  assert.equal(acknowledged(answer(part({ baseOffset: beyondDoubles })), 'log', 3).baseOffset, beyondDoubles);
});

describe('these responses are not an acknowledgement', () => {
  const cases: [what: string, answer: ProduceAnswer][] = [
    ['no answer at all', answer()],
    ['a topic without partitions', { responses: [{ name: 'log', partitionResponses: [] }] }],
    ['the answer of another partition', answer(part({ index: 2 }))],
    ['the answer of another topic', answer(part({ name: 'other' }))],
    ['two answers', answer(part(), part())],
    ['ours beside another', answer(part(), part({ index: 2 }))],
    ['an error code', answer(part({ errorCode: 6 }))],
    ['no offset', answer(part({ baseOffset: -1n }))],
  ];
  for (const [what, given] of cases) {
    test(what, () =>
      assert.throws(
        () => acknowledged(given, 'log', 3),
        (error: unknown) => error instanceof AppendError && error.outcome === 'unknown',
      ),
    );
  }
});
