import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSumctl, testRequestId } from '#cli/testing/context.ts';
import { acknowledge, problem, startScriptedService } from '#cli/testing/fakeService.ts';

const post = 'POST /v1/additions';

test('add prints the receipt', async () => {
  await using fake = await startScriptedService([
    { call: post, answer: (call) => acknowledge(call, { partition: 1, offset: 41 }) },
  ]);
  const ran = await runSumctl(['add', '1.10', '-0.50', '--series', 'orders', '--calculator-url', fake.url]);
  fake.assertDone();
  assert.deepEqual(fake.calls[0]?.body, { requestId: testRequestId, series: 'orders', a: '1.1', b: '-0.5' });
  assert.deepEqual(ran, {
    exitCode: 0,
    stdout: `Series:       orders
Result:       3
Position:     1:41
Request id:   ${testRequestId}
Replayed:     no
`,
    stderr: '',
  });
});

test('add -o json prints one document with the position as the API has it', async () => {
  await using fake = await startScriptedService([
    { call: post, answer: (call) => acknowledge(call, { partition: 0, offset: 7 }, true) },
  ]);
  const ran = await runSumctl(['add', '1', '2', '-o', 'json', '--calculator-url', fake.url]);
  assert.deepEqual(JSON.parse(ran.stdout), {
    requestId: testRequestId,
    series: 'default',
    result: '3',
    position: { partition: 0, offset: '7', logEpoch: 1 },
    replayed: true,
  });
});

test('429, 503 and a broken connection are retried with the same id until a response comes', async () => {
  await using fake = await startScriptedService([
    { call: post, answer: problem('queue-full', 'full') },
    { call: post, answer: problem('outcome-unknown', 'no answer of Kafka') },
    { call: post, answer: 'drop' },
    { call: post, answer: { status: 503, text: '<html>no healthy upstream</html>' } },
    { call: post, answer: (call) => acknowledge(call, { partition: 0, offset: 0 }) },
  ]);
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
  fake.assertDone();
  assert.equal(ran.exitCode, 0);
  const ids = new Set(fake.calls.map(({ body }) => (body as { requestId: string }).requestId));
  assert.deepEqual([...ids], [testRequestId]);
  assert.equal(ran.stderr.split('\n').filter((line) => line.startsWith('waiting: ')).length, 4);
});

for (const answer of [
  problem('invalid-field', 'b is wrong', 'b'),
  problem('id-conflict', 'other operands were acknowledged here'),
  problem('malformed-json', 'no'),
  { status: 500, text: 'oops' },
  { status: 404, text: 'nothing here' },
  { status: 504, text: 'gateway timeout' },
] as const) {
  const status = typeof answer === 'string' ? answer : answer.status;
  test(`${status} is never retried`, async () => {
    await using fake = await startScriptedService([{ call: post, answer }]);
    const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
    fake.assertDone();
    assert.equal(ran.exitCode, 1);
    assert.equal(ran.stdout, '');
    assert.match(ran.stderr, /^error: /);
  });
}

test('an unknown outcome exits with 3 and prints the exact command to run again', async () => {
  await using fake = await startScriptedService([
    { call: post, answer: problem('outcome-unknown', 'Kafka is unavailable') },
  ]);
  const args = ['add', '1', '2', '--series', "it's", '--calculator-url', fake.url, '--retry-for', '0s'];
  const ran = await runSumctl(args);
  assert.deepEqual(ran, {
    exitCode: 3,
    stdout: '',
    stderr: `error: it is unknown whether the addition was written: Kafka is unavailable
Run exactly this command again; the addition is counted once in any case:
  sumctl add 1 2 --series 'it'\\''s' --id ${testRequestId} --calculator-url ${fake.url}
`,
  });
});

test('when no process listens, the message says that nothing was written', async () => {
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', 'http://127.0.0.1:1', '--retry-for', '0s']);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /^error: nothing was written: cannot reach .*ECONNREFUSED/);
});

test('a response without a position is not an acknowledgement', async () => {
  await using fake = await startScriptedService([
    { call: post, answer: { status: 200, json: { requestId: testRequestId, series: 'x', result: '3' } } },
  ]);
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /did not respond like a SumPipeline service/);
});

test('for a response that is not JSON, the message names the likely mistake', async () => {
  await using fake = await startScriptedService([{ call: post, answer: { status: 200, text: '<html>hello' } }]);
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stderr, /not JSON: <html>hello\nCheck that the URL is the HTTP port of a calculator/);
});

test('Ctrl-C while waiting exits with 130 and prints the command to run again', async () => {
  const interruption = new AbortController();
  await using fake = await startScriptedService([
    {
      call: post,
      answer: () => {
        setTimeout(() => interruption.abort(new Error('interrupted by SIGINT')), 5);
        return 'silence';
      },
    },
  ]);
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', fake.url], { signal: interruption.signal });
  assert.equal(ran.exitCode, 130);
  assert.match(ran.stderr, new RegExp(`--id ${testRequestId}`));
});

const wrongUsage: [args: string[], message: RegExp][] = [
  [['add'], /add needs two numbers, or --file/],
  [['add', '1'], /add needs two numbers/],
  [['add', '1', '2', '3'], /too many arguments/],
  [['add', '1', 'x'], /b must be a decimal/],
  [['add', '1e3', '2'], /a must be a decimal/],
  [['add', 'NaN', '2'], /a must be a decimal/],
  [['add', '9'.repeat(39), '2'], /a has 39 digits/],
  [['add', '-', '2'], /a must be a decimal/],
  [['add', '1', '2', '--id', 'x'], /--id must be a UUID/],
  [['add', '1', '2', '--id', '00000000-0000-0000-0000-000000000000'], /--id must not be the nil UUID/],
  [['add', '1', '2', '--series', 'a\0b'], /--series has a control character/],
  [['add', '1', '2', '--series', 'é'.repeat(101)], /--series has 202 bytes/],
  [['add', '1', '2', '--format', 'csv'], /--format needs --file/],
  [['add', '1', '2', '--retry-for', '5'], /--retry-for must be a duration such as/],
  [['add', '1', '2', '--file', 'x.csv'], /either two numbers or --file/],
  [['add', '--file', 'x.csv', '--series', 's'], /cannot be used with/],
  [['add', '--file', 'x.csv', '--concurrency', '0'], /--concurrency must be a whole number from 1/],
  [['add', '--file', '/does/not/exist.csv'], /cannot read .*ENOENT/],
  [['add', '--file', '/tmp'], /is a folder/],
  [['add', '--file', '-'], /standard input needs --import-id/],
  [['add', '1', '2', '--colour'], /unknown option '--colour'/],
];

for (const [args, message] of wrongUsage) {
  test(`sumctl ${args.join(' ').slice(0, 60)} is a usage error: 2, and nothing is sent`, async () => {
    const ran = await runSumctl([...args, '--calculator-url', 'http://127.0.0.1:1']);
    assert.equal(ran.exitCode, 2, ran.stderr);
    assert.match(ran.stderr, message);
    assert.equal(ran.stdout, '');
  });
}

test('options of Kubernetes cannot be combined with a URL', async () => {
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', 'http://127.0.0.1:1', '-n', 'x']);
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /--namespace is for pipelines in Kubernetes/);
});

for (const [url, message] of [
  [
    'localhost:8080',
    /--calculator-url must be a URL such as http:\/\/127\.0\.0\.1:8080 or grpc:\/\/127\.0\.0\.1:9090, not/,
  ],
  ['ftp://127.0.0.1', /--calculator-url must be a URL such as/],
  ['grpc://:9090', /--calculator-url must be a URL such as/],
  ['grpc:///x', /--calculator-url must be a URL such as/],
  ['grpc://127.0.0.1:99999', /--calculator-url must be a URL such as/],
  ['grpc://127.0.0.1', /--calculator-url must name a port, as in grpc:\/\/127\.0\.0\.1:9090, not/],
  ['grpc://127.0.0.1:0', /--calculator-url must name a port/],
  ['http://127.0.0.1:0', /--calculator-url must name a port, as in http:\/\/127\.0\.0\.1:8080, not/],
  ['grpc://127.0.0.1:9090/path', /--calculator-url must be host and port alone, as in grpc:\/\/127\.0\.0\.1:9090, not/],
] as const) {
  test(`${url} is not a valid address and is refused without a connection attempt`, async () => {
    const ran = await runSumctl(['add', '1', '2', '--calculator-url', url]);
    assert.equal(ran.exitCode, 2, ran.stderr);
    assert.match(ran.stderr, message);
  });
}

test('an IPv6 address in brackets is dialled as an address', async () => {
  const ran = await runSumctl(['add', '1', '2', '--calculator-url', 'grpc://[::1]:1', '--retry-for', '0s']);
  assert.equal(ran.exitCode, 3);
  assert.doesNotMatch(ran.stderr, /ENOTFOUND/);
});
