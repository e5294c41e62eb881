import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RecordMetadata } from 'kafkajs';
import { AppendError } from './port.ts';
import { acknowledged } from './writer.ts';

const answer = (changes: Partial<RecordMetadata> = {}): RecordMetadata => ({
  topicName: 'log',
  partition: 3,
  errorCode: 0,
  baseOffset: '41',
  logAppendTime: '1700000000000',
  logStartOffset: '0',
  ...changes,
});

test('the one answer of our own partition is an acknowledgement', () => {
  assert.deepEqual(acknowledged([answer()], 'log', 3), {
    partition: 3,
    baseOffset: 41n,
    appendedAt: 1_700_000_000_000,
  });
  assert.equal(acknowledged([answer({ logAppendTime: '-1' })], 'log', 3).appendedAt, undefined);
  const beyondDoubles = '9007199254740993';
  assert.equal(acknowledged([answer({ baseOffset: beyondDoubles })], 'log', 3).baseOffset, 9007199254740993n);
});

describe('anything else is not', () => {
  const cases: [what: string, answers: RecordMetadata[]][] = [
    ['nothing: the client had no metadata and wrote nothing', []],
    ['another partition: the client lost ours between two retries', [answer({ partition: 2 })]],
    ['another topic', [answer({ topicName: 'other' })]],
    ['two answers', [answer(), answer()]],
    ['ours beside another', [answer(), answer({ partition: 2 })]],
    ['an error code', [answer({ errorCode: 6 })]],
    ['no offset', [answer({ baseOffset: '-1' })]],
    ['an old answer format without baseOffset', [{ topicName: 'log', partition: 3, errorCode: 0, offset: '41' }]],
  ];
  for (const [what, answers] of cases) {
    test(what, () => assert.throws(() => acknowledged(answers, 'log', 3), AppendError));
  }
});
