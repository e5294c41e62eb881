import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Consumer, TopicPartitionOffsetAndMetadata } from 'kafkajs';
import { VouchedCommits } from './membership.ts';
import { NotMemberError } from './port.ts';

type Commit = TopicPartitionOffsetAndMetadata;

/** Builds a fake of kafkajs' consumer for commits. `taken` emits the event of an accepted commit. */
function fakeConsumer(answer: (commit: Commit, taken: () => void) => Promise<void>) {
  let listener = (_event: object): void => {};
  const commits: Commit[] = [];
  const consumer = {
    events: { COMMIT_OFFSETS: 'consumer.commit_offsets' },
    on(_name: string, given: (event: object) => void) {
      listener = given;
    },
    async commitOffsets([commit]: Commit[]) {
      assert.ok(commit);
      commits.push(commit);
      const { topic, partition, offset, metadata } = commit;
      const payload = { topics: [{ topic, partitions: [{ partition, offset, metadata }] }] };
      await answer(commit, () => listener({ payload }));
    },
  };
  return { consumer: consumer as unknown as Consumer, commits };
}

test('a commit that the coordinator accepted is a proof, and has the offset for dashboards', async () => {
  const { consumer, commits } = fakeConsumer(async (_commit, taken) => taken());
  const vouched = new VouchedCommits(consumer, 'log');
  await vouched.commit(new Map([[3, 41n]]));
  await vouched.commit(new Map([[3, 42n]]));
  assert.deepEqual(
    commits.map(({ topic, partition, offset }) => [topic, partition, offset]),
    [
      ['log', 3, '41'],
      ['log', 3, '42'],
    ],
  );
});

test('a commit that resolves without being sent does not count: a stopped consumer does that', async () => {
  const { consumer } = fakeConsumer(async () => {});
  await assert.rejects(new VouchedCommits(consumer, 'log').commit(new Map([[0, 0n]])), (error: unknown) => {
    assert.ok(error instanceof NotMemberError);
    assert.match(String(error.cause), /nothing was sent/);
    return true;
  });
});

test('the acceptance of another commit does not count for this one', async () => {
  const taken: (() => void)[] = [];
  const { consumer } = fakeConsumer(async (_commit, take) => void taken.push(take));
  const vouched = new VouchedCommits(consumer, 'log');
  const first = vouched.commit(new Map([[0, 1n]]));
  const second = vouched.commit(new Map([[0, 1n]]));
  taken[0]?.();
  await first;
  await assert.rejects(second, NotMemberError);
});

test('a refusal is not a proof', async () => {
  const { consumer } = fakeConsumer(async (_commit, taken) => {
    taken();
    throw new Error('ILLEGAL_GENERATION');
  });
  await assert.rejects(new VouchedCommits(consumer, 'log').commit(new Map([[0, 0n]])), NotMemberError);
});
