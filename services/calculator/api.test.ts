import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { AddRequestSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { decodeRecord, schemaHeader } from '#contract/record.ts';
import { type ErrorCode, SumError } from '#core/errors.ts';
import { AppendError, type LogRecordInput } from '#services/eventlog/port.ts';
import { CalculatorApi } from './api.ts';
import { NeverSentError, QueueFullError } from './batcher.ts';
import { RecentAdditions } from './recent.ts';

const requestId = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';

function build(write: (record: LogRecordInput, deadline: number) => Promise<{ partition: number; offset: bigint }>) {
  const written: LogRecordInput[] = [];
  let replayed = 0;
  const log = { isConfirmed: async () => true };
  const api = new CalculatorApi({
    logEpoch: 4,
    recent: new RecentAdditions({ entriesMax: 10 }),
    isLogConfirmed: () => log.isConfirmed(),
    write(record, deadline) {
      written.push(record);
      return write(record, deadline);
    },
    onReplayed: () => {
      replayed += 1;
    },
    now: Date.now,
  });
  const add = (fields: { requestId?: string; series?: string; a?: string; b?: string } = {}, withinMs = 5_000) =>
    api.add(create(AddRequestSchema, { requestId, a: '1', b: '2', ...fields }), {
      deadline: Date.now() + withinMs,
      signal: new AbortController().signal,
    });
  return { add, written, log, replays: () => replayed };
}

const refusal = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof SumError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

test('the response has the result and the position, and the record has the same addition', async () => {
  const { add, written } = build(async () => ({ partition: 3, offset: 41n }));
  const answer = await add({ requestId: requestId.toUpperCase(), a: '1.50', b: '-0.5' });
  assert.deepEqual(
    { ...answer, $typeName: undefined, position: undefined },
    {
      $typeName: undefined,
      requestId,
      series: 'default',
      result: '1',
      position: undefined,
      replayed: false,
    },
  );
  assert.deepEqual([answer.position?.partition, answer.position?.offset, answer.position?.logEpoch], [3, 41n, 4]);
  const [record] = written;
  assert.ok(record);
  const decoded = decodeRecord({ key: record.key, value: record.value, schema: record.headers[schemaHeader] });
  assert.deepEqual(decoded.kind === 'addition' && decoded.addition, {
    requestId,
    series: 'default',
    a: '1.5',
    b: '-0.5',
    result: '1',
  });
});

test('an invalid addition is never written', async () => {
  const { add, written } = build(async () => ({ partition: 0, offset: 0n }));
  await assert.rejects(add({ a: 'NaN' }), refusal('invalid-field', /^a must be a decimal/));
  assert.equal(written.length, 0);
});

test('a retry of an acknowledged addition is replayed, and the same id with other operands conflicts', async () => {
  const { add, written, replays } = build(async () => ({ partition: 3, offset: 41n }));
  await add();
  const again = await add({ series: 'default', a: '1.0' });
  assert.deepEqual([again.replayed, again.position?.offset, replays(), written.length], [true, 41n, 1, 1]);
  await assert.rejects(add({ a: '2', b: '1' }), refusal('id-conflict', /for 1 \+ 2 in series "default" at 4\/3:41/));
  await assert.rejects(add({ series: 'other' }), refusal('id-conflict', /use a new id/));
});

test('two requests with one id at the same time are both written', async () => {
  let offset = 0n;
  const { add, written } = build(async () => ({ partition: 0, offset: offset++ }));
  const answers = await Promise.all([add(), add()]);
  assert.deepEqual(
    answers.map(({ replayed }) => replayed),
    [false, false],
  );
  assert.equal(written.length, 2);
});

describe('a write that fails', () => {
  const cases: [what: string, error: Error, code: ErrorCode, message: RegExp][] = [
    ['a full queue', new QueueFullError('10000 additions are waiting'), 'queue-full', /Nothing was written: slow down/],
    ['a deadline in the queue', new NeverSentError('too late'), 'unavailable', /Nothing was written: retry/],
    ['no connection', new SumError('unavailable', 'not connected to Kafka yet'), 'unavailable', /not connected/],
    [
      'no acknowledgement',
      new AppendError('partition 0 did not acknowledge'),
      'outcome-unknown',
      new RegExp(requestId),
    ],
    [
      'a record that is too large alone',
      new AppendError('too large', { outcome: 'tooLarge' }),
      'body-too-large',
      /raise max\.message\.bytes of the topic/,
    ],
    ['anything else', new TypeError('oops'), 'outcome-unknown', /may or may not be in the log/],
  ];
  for (const [what, error, code, message] of cases) {
    test(`${what}: ${code}, and the retry is written`, async () => {
      let isFailing = true;
      const { add, written } = build(() =>
        isFailing ? Promise.reject(error) : Promise.resolve({ partition: 0, offset: 1n }),
      );
      await assert.rejects(add(), refusal(code, message));
      isFailing = false;
      assert.equal((await add()).replayed, false);
      assert.equal(written.length, 2);
    });
  }

  test('no response until the deadline is an unknown outcome; a late acknowledgement is returned to the retry', async () => {
    const late = Promise.withResolvers<{ partition: number; offset: bigint }>();
    const { add, written } = build(() => late.promise);
    await assert.rejects(add({}, 20), refusal('outcome-unknown', /no acknowledgement before the deadline/));
    late.resolve({ partition: 0, offset: 9n });
    await new Promise(setImmediate);
    const retry = await add();
    assert.deepEqual([retry.replayed, retry.position?.offset, written.length], [true, 9n, 1]);
  });
});

for (const [name, isConfirmed] of Object.entries<() => Promise<boolean>>({
  'is another one': async () => false,
  'is not told in time': () => new Promise<boolean>(() => {}),
})) {
  test(`an addition is written again when the log ${name}`, async () => {
    let offset = 0n;
    const { add, written, log, replays } = build(async () => ({ partition: 0, offset: offset++ }));
    await add();
    log.isConfirmed = isConfirmed;
    const again = await add({}, 200);
    assert.deepEqual([again.replayed, again.position?.offset, written.length, replays()], [false, 1n, 2, 0]);
  });
}
