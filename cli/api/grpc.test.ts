import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSumctl, testRequestId } from '#cli/testing/context.ts';
import { type GrpcReply, startFakeGrpc } from '#cli/testing/fakeGrpc.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

function scripted(replies: GrpcReply[]): () => GrpcReply {
  let at = 0;
  return () => replies[at++] ?? { status: 2, message: 'not in the script' };
}

test('add over gRPC sends the request and prints the receipt', async () => {
  await using fake = await startFakeGrpc(() => ({ offset: 41, replayed: true }));
  const ran = await runSumctl(['add', '1.50', '2', '-s', 'orders', '--calculator-url', fake.url, '-o', 'json']);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const [{ requestId, series, a, b } = {}] = fake.calls;
  assert.deepEqual({ requestId, series, a, b }, { requestId: testRequestId, series: 'orders', a: '1.5', b: '2' });
  assert.deepEqual(JSON.parse(ran.stdout).position, { partition: 0, offset: '41', logEpoch: 1 });
});

test('a full queue, an unknown outcome, a broken connection and a late answer are retried with the same id', async () => {
  await using fake = await startFakeGrpc(
    scripted([
      { status: 8, code: 'queue-full', message: 'full' },
      { status: 14, code: 'outcome-unknown', message: 'Kafka is unavailable' },
      'drop',
      { status: 14, message: 'a proxy says no' },
      { status: 4, message: 'Deadline exceeded' },
      { offset: 1 },
    ]),
  );
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual([...new Set(fake.calls.map(({ requestId }) => requestId))], [testRequestId]);
  assert.equal(fake.calls.length, 6);
});

for (const [status, code, message] of [
  [3, 'invalid-field', 'a is wrong'],
  [6, 'id-conflict', 'other operands'],
  [13, 'internal', 'oops'],
  [8, undefined, 'message too large'],
  [12, undefined, 'unimplemented'],
] as const) {
  test(`gRPC status ${status} (${code ?? 'without a code'}) is never retried`, async () => {
    await using fake = await startFakeGrpc(() => ({ status, message, ...(code === undefined ? {} : { code }) }));
    const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
    assert.equal(ran.exitCode, 1);
    assert.equal(fake.calls.length, 1);
    assert.match(ran.stderr, new RegExp(`^error: ${message}`));
  });
}

test('an unknown outcome after the deadline ends with 3 and the command to run again', async () => {
  await using fake = await startFakeGrpc(() => ({ status: 14, code: 'outcome-unknown', message: 'größer als 50 %' }));
  const ran = await runSumctl(['add', '1', '2', '--retry-for', '0s', '--calculator-url', fake.url]);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /unknown whether the addition was written: größer als 50 %/);
});

test('when no process listens, the message says that nothing was written', async () => {
  const ran = await runSumctl(['add', '1', '2', '--retry-for', '0s', '--calculator-url', 'grpc://127.0.0.1:1']);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /^error: nothing was written: cannot reach .*ECONNREFUSED/);
});

test('a call to an HTTP/1 server ends after the deadline instead of hanging', async () => {
  const { startFakeService } = await import('#cli/testing/fakeService.ts');
  await using httpServer = await startFakeService(() => ({ status: 200, text: 'hello' }));
  const url = httpServer.url.replace('http:', 'grpc:');
  const ran = await runSumctl(['add', '1', '2', '--retry-for', '200ms', '--calculator-url', url]);
  assert.equal(ran.exitCode, 3, ran.stderr);
});

test('Ctrl-C ends a call that gets no response', async () => {
  const interruption = new AbortController();
  await using fake = await startFakeGrpc(() => {
    setTimeout(() => interruption.abort(new Error('interrupted by SIGINT')), 5);
    return 'silence';
  });
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url], { signal: interruption.signal });
  assert.equal(ran.exitCode, 130);
});

test('an import survives broken connections and servers that shut down: every row once, under one id', async () => {
  const rows = 2000;
  const ids = new Map<string, string>();
  let seen = 0;
  await using fake = await startFakeGrpc(({ requestId, a }) => {
    seen += 1;
    const earlier = ids.get(a);
    assert.ok(earlier === undefined || earlier === requestId, `row ${a} came under two ids`);
    ids.set(a, requestId);
    if (seen % 700 === 0) return 'drop';
    if (seen % 500 === 0) return 'goaway';
    return { offset: seen };
  });
  const text = Array.from({ length: rows }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': text });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--calculator-url', fake.url, '-o', 'json']);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const summary = JSON.parse(ran.stdout);
  assert.deepEqual([summary.rows, summary.accepted, summary.rejected, summary.unanswered], [rows, rows, 0, 0]);
  assert.equal(ids.size, rows);
  assert.ok(fake.connections() > 2, 'new connections were made');
});
