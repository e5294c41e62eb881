import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SumError } from '#core/errors.ts';
import { LogIdentity } from './logIdentity.ts';

function setUp() {
  const kafka = { topicId: 'A' as string | undefined, answers: true };
  const counted = { topicId: undefined as string | undefined };
  const lost: object[] = [];
  const identity = new LogIdentity({
    writer: () => ({
      topicId: kafka.topicId,
      async confirmTopic() {
        if (!kafka.answers || kafka.topicId === undefined) throw new Error('no answer');
        return kafka.topicId;
      },
    }),
    countedTopicId: () => counted.topicId,
    onLost: (fields) => lost.push(fields),
  });
  return { kafka, counted, identity, lost };
}

test('a re-created topic is refused until the old one is back', async () => {
  const { kafka, identity, lost } = setUp();
  identity.require();
  kafka.topicId = 'B';
  const refusal = (error: unknown) => error instanceof SumError && /had id A and now has id B/.test(error.message);
  assert.throws(() => identity.require(), refusal);
  assert.throws(() => identity.require(), refusal);
  assert.deepEqual(lost, [{ wanted: 'A', found: 'B' }], 'the loss is reported once');
  assert.equal(await identity.isConfirmed(), false);
  kafka.topicId = 'A';
  identity.require();
  assert.equal(await identity.isConfirmed(), true);
});

test('a topic that was re-created before this process began is refused as soon as the counted one is known', () => {
  const { kafka, counted, identity, lost } = setUp();
  kafka.topicId = 'B';
  counted.topicId = 'A';
  assert.throws(() => identity.require(), /had id A and now has id B/);
  assert.equal(lost.length, 1);
  kafka.topicId = 'A';
  identity.require();
});

test('a new topic is accepted when it is the counted one, and additions in the old one are reported as lost', async () => {
  const { kafka, counted, identity, lost } = setUp();
  counted.topicId = 'A';
  identity.require();
  kafka.topicId = 'B';
  counted.topicId = 'B';
  identity.require();
  assert.equal(await identity.isConfirmed(), true);
  assert.deepEqual(lost, [{ wanted: 'B', found: 'B' }]);
});

test('without a topic id from Kafka nothing is confirmed', async () => {
  const { kafka, identity } = setUp();
  identity.require();
  kafka.answers = false;
  assert.equal(await identity.isConfirmed(), false);
});

test('a lower acknowledged offset is a loss; acknowledgements in another order are not', () => {
  const { identity, lost } = setUp();
  const [first, second] = [identity.beginAppend(0), identity.beginAppend(0)];
  second(5n, 5);
  first(0n, 5);
  assert.deepEqual(lost, []);
  identity.beginAppend(1)(0n, 1);
  identity.beginAppend(0)(10n, 1);
  assert.deepEqual(lost, []);
  identity.beginAppend(0)(7n, 1);
  assert.deepEqual(lost, [{ partition: 0, endBefore: '11', baseOffset: '7' }]);
  identity.beginAppend(0)(8n, 1);
  assert.equal(lost.length, 1, 'the next offset is compared with the lower end');
});
