import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { runSumctl } from '#cli/testing/context.ts';
import { problem, startFakeService, startScriptedService } from '#cli/testing/fakeService.ts';

const total = (series: string, value: string, count = '2') => ({
  series,
  total: value,
  count,
  vector: [
    { partition: 0, offset: '41', logEpoch: 1 },
    { partition: 3, offset: '7', logEpoch: 1 },
  ],
  newestApplied: '2026-06-01T10:00:00Z',
});

const partition = (overrides: object = {}) => ({
  logEpoch: 1,
  partition: 0,
  firstOffset: '0',
  nextOffset: '10',
  logEnd: '12',
  applied: '8',
  duplicate: '1',
  conflict: '1',
  parked: '0',
  expired: '0',
  ownerEpoch: '3',
  ...overrides,
});

const proof = (overrides: object = {}) => ({
  exact: true,
  reason: 'Exact',
  message: 'every record has one disposition',
  partitions: [partition()],
  at: '2026-06-01T10:00:00Z',
  ...overrides,
});

/** Makes a clock that advances by a minute at each call, so that retries end immediately. */
function fastClock(): () => number {
  let at = 0;
  return () => (at += 60_000);
}

const ok = (json: unknown) => ({ status: 200, json });

test('total prints one series', async () => {
  await using fake = await startScriptedService([
    { call: 'GET /v1/totals/stock%2Fnuts%20%C3%A9', answer: ok({ total: total('stock/nuts é', '-12.5') }) },
  ]);
  const ran = await runSumctl(['total', 'stock/nuts é', '--aggregator-url', fake.url]);
  fake.assertDone();
  assert.deepEqual(ran, {
    exitCode: 0,
    stdout: `Series:         stock/nuts é
Total:          -12.5
Additions:      2
Counts up to:   0:41,3:7
Newest:         2026-06-01T10:00:00.000Z
`,
    stderr: '',
  });
});

test('total prints a table of all series over all pages, and the same as JSON and YAML', async () => {
  const script = [
    { call: 'GET /v1/totals?pageSize=1000', answer: ok({ totals: [total('a', '1')], nextPageToken: 'YQ' }) },
    { call: 'GET /v1/totals?pageSize=1000&pageToken=YQ', answer: ok({ totals: [total('long name', '20.5')] }) },
  ];
  await using table = await startScriptedService(script);
  assert.equal(
    (await runSumctl(['total', '--aggregator-url', table.url])).stdout,
    'SERIES   TOTAL   ADDITIONS\na            1           2\nlong name    20.5           2\n',
  );
  table.assertDone();
  for (const [format, read] of [
    ['json', (text: string): unknown => JSON.parse(text)],
    ['yaml', (text: string): unknown => parse(text)],
  ] as const) {
    await using fake = await startScriptedService(script);
    const ran = await runSumctl(['total', '--aggregator-url', fake.url, '-o', format]);
    assert.deepEqual(read(ran.stdout), { totals: [total('a', '1'), total('long name', '20.5')] });
  }
});

test('no totals at all is an empty list, not an error', async () => {
  const answer = () => ok({ totals: [] });
  await using fake = await startFakeService(answer);
  assert.equal((await runSumctl(['total', '--aggregator-url', fake.url])).stdout, 'SERIES   TOTAL   ADDITIONS\n');
  const json = await runSumctl(['total', '--aggregator-url', fake.url, '-o', 'json']);
  assert.deepEqual(JSON.parse(json.stdout), { totals: [] });
  const yaml = await runSumctl(['total', '--aggregator-url', fake.url, '-o', 'yaml']);
  assert.deepEqual(parse(yaml.stdout), { totals: [] });
});

test('a series without additions is not found: 1', async () => {
  await using fake = await startFakeService(() => problem('not-found', 'series "x" has no additions yet'));
  const ran = await runSumctl(['total', 'x', '--aggregator-url', fake.url]);
  assert.deepEqual(ran, { exitCode: 1, stdout: '', stderr: 'error: series "x" has no additions yet\n' });
});

test('--at-least retries until its own timeout, then exits with 4 and says that nothing is lost', async () => {
  // The test moves the clock: each response takes 4 of the 10 seconds, also on a slow machine.
  let nowMs = 0;
  await using fake = await startFakeService(() => {
    nowMs += 4_000;
    return problem('position-not-reached', 'partition 0 is at 5, not 41');
  });
  const args = ['total', 'x', '--at-least', '0:41', '--timeout', '10s', '--aggregator-url', fake.url];
  const ran = await runSumctl(args, { now: () => nowMs });
  assert.equal(ran.exitCode, 4);
  assert.equal(fake.calls.length, 3);
  assert.equal(fake.calls[0]?.path, '/v1/totals/x?atLeast=0%3A41');
  assert.match(ran.stderr, /partition 0 is at 5, not 41\nAcknowledged additions are durable and will be counted/);
});

test('a read is retried while the aggregator is unavailable', async () => {
  await using fake = await startScriptedService([
    { call: 'GET /v1/totals/x', answer: problem('unavailable', 'the books are not open') },
    { call: 'GET /v1/totals/x', answer: 'drop' },
    { call: 'GET /v1/totals/x', answer: ok({ total: total('x', '1') }) },
  ]);
  const ran = await runSumctl(['total', 'x', '--aggregator-url', fake.url]);
  fake.assertDone();
  assert.equal(ran.exitCode, 0);
  assert.equal(ran.stderr.split('\n').length, 2, 'printed once');
});

test('the response of another program is refused', async () => {
  await using fake = await startFakeService(() => ok({ total: { series: 5 } }));
  const ran = await runSumctl(['total', 'x', '--aggregator-url', fake.url]);
  assert.equal(ran.exitCode, 3);
  assert.match(ran.stderr, /did not respond like a SumPipeline service/);
});

test('unknown fields of a newer pipeline are ignored', async () => {
  await using fake = await startFakeService(() => ok({ total: { ...total('x', '1'), newField: 1 }, other: true }));
  assert.equal((await runSumctl(['total', 'x', '--aggregator-url', fake.url])).exitCode, 0);
});

for (const [args, message] of [
  [['total', 'x', '--at-least', '5'], /--at-least must be positions such as/],
  [['total', '--at-least', '0:5'], /--at-least needs one series/],
  [['total', ''], /the series must not be empty/],
  [['total', 'x', '--timeout', 'soon'], /--timeout must be a duration/],
  [['total', 'x', '-o', 'xml'], /Allowed choices are table, json, yaml/],
] as const) {
  test(`sumctl ${args.join(' ')} is a usage error`, async () => {
    const ran = await runSumctl([...args, '--aggregator-url', 'http://127.0.0.1:1']);
    assert.equal(ran.exitCode, 2, ran.stderr);
    assert.match(ran.stderr, message);
  });
}

test('verify recounts, prints verdict and conservation law, and exits with 0 when exact', async () => {
  await using fake = await startScriptedService([{ call: 'GET /v1/proof?recount=true', answer: ok(proof()) }]);
  const ran = await runSumctl(['verify', '--aggregator-url', fake.url]);
  fake.assertDone();
  assert.deepEqual(ran, {
    exitCode: 0,
    stdout: `Exact:     yes
Message:   every record has one disposition
At:        2026-06-01T10:00:00.000Z

PARTITION   OFFSETS   APPLIED   DUPLICATE   CONFLICT   PARKED   EXPIRED   LAW     LAG
        0   0-9             8           1          1        0         0   holds     2
`,
    stderr: '',
  });
});

test('verify exits with 1 when not exact, and prints the same document', async () => {
  const answer = proof({ exact: false, reason: 'Parked', message: 'partition 0 has 1 parked record' });
  await using fake = await startFakeService(() => ok(answer));
  const table = await runSumctl(['verify', '--aggregator-url', fake.url]);
  assert.equal(table.exitCode, 1);
  assert.match(table.stdout, /^Exact: +no \(Parked\)$/m);
  const json = await runSumctl(['verify', '--aggregator-url', fake.url, '-o', 'json']);
  assert.equal(json.exitCode, 1);
  assert.deepEqual(JSON.parse(json.stdout), answer);
});

test('verify checks the conservation law itself and shows a violation whatever the verdict says', async () => {
  const answer = proof({ partitions: [partition({ applied: '7' })] });
  await using fake = await startFakeService(() => ok(answer));
  const ran = await runSumctl(['verify', '--aggregator-url', fake.url]);
  assert.match(ran.stdout, /VIOLATED/);
  assert.match(ran.stdout, /^Exact: +no \(the conservation law is violated\)$/m);
  assert.match(ran.stdout, /^Message: +partition 0: 10 offsets .* but 9 dispositions/m);
  assert.equal(ran.exitCode, 1);
});

test('status does the same check, and does not report totals as exact that break the law', async () => {
  const answer = proof({ partitions: [partition({ applied: '7' })] });
  await using fake = await startFakeService(() => ok(answer));
  const ran = await runSumctl(['status', '--aggregator-url', fake.url]);
  assert.match(
    ran.stdout,
    /^Exact: +no \(the conservation law is violated\): partition 0: 10 offsets .* but 9 dispositions/m,
  );
  assert.equal(ran.exitCode, 1);
});

for (const verb of ['total', 'status', 'verify']) {
  test(`${verb} at a URL that does not respond suggests checking the URL, not sumctl status`, async () => {
    const ran = await runSumctl([verb, '--aggregator-url', 'http://127.0.0.1:1'], { now: fastClock() });
    assert.equal(ran.exitCode, 3);
    assert.match(
      ran.stderr,
      /127\.0\.0\.1:1 does not respond: .*\nCheck that the aggregator is running and that this is its URL\.\n$/,
    );
  });
}

test('text from a service cannot drive the terminal', async () => {
  await using fake = await startFakeService(() => ok(proof({ message: 'red \u001b[31m alert\u0007' })));
  const ran = await runSumctl(['verify', '--aggregator-url', fake.url]);
  assert.match(ran.stdout, /red \\u001b\[31m alert\\u0007/);
});
