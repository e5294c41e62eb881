import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CliError } from '#cli/exit.ts';
import { runSumctl } from '#cli/testing/context.ts';
import { startFakeApiServer } from '#cli/testing/fakeApiServer.ts';
import { runAuditJob } from './runJob.ts';
import { createFakeCluster, type FakeClusterOptions, podIn } from './testing/fakeCluster.ts';

const result = {
  pipeline: 'shop/orders',
  verdict: 'exact',
  message: 'all is well',
  startedAt: '2026-06-01T10:00:00.000Z',
  seconds: 1.5,
  partitions: [],
  counts: {},
  findings: [],
  series: [],
  seriesRecordsNotListed: 0,
  removed: [],
  notChecked: [],
  rangesNotListed: 0,
};

const at = (second: number, text: string) => `2026-06-01T10:00:${String(second).padStart(2, '0')}.000000000Z ${text}`;
const resultLine = (second: number, verdict = 'exact') => at(second, JSON.stringify({ ...result, verdict }));
const running = podIn('Running', { running: {} });
const ended = (exitCode: number) => podIn(exitCode === 0 ? 'Succeeded' : 'Failed', { terminated: { exitCode } });

/** Runs one audit. The clock jumps, so every wait ends at its second poll. */
async function run(options: FakeClusterOptions, { signal = new AbortController().signal, stepMs = 0 } = {}) {
  const fake = createFakeCluster(options);
  let stderr = '';
  let now = 0;
  const outcome = await runAuditJob({
    cluster: fake.cluster,
    pipeline: { ref: { namespace: 'shop', name: 'orders' }, resource: { metadata: { name: 'orders', uid: 'uid-1' } } },
    to: '',
    context: { signal, stderr: { write: (text) => (stderr += text) }, now: () => (now += stepMs), random: () => 0 },
    pollMs: 1,
  }).then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  );
  return { ...fake, ...outcome, stderr };
}

describe('an audit in the cluster', () => {
  test('creates a Job, prints its progress once, and returns its result', async () => {
    const { value, stderr, calls, jobs } = await run({
      pods: [undefined, podIn('Pending'), running],
      logs: [{ lines: [at(1, 'partition 0 at offset 5: 50 % of 10 offsets'), resultLine(2)] }],
    });
    assert.equal(value?.verdict, 'exact');
    assert.equal(stderr, 'created Job orders-audit-bbbbb\npartition 0 at offset 5: 50 % of 10 offsets\n');
    assert.equal(jobs.length, 1);
    assert.ok(!calls.some((call) => call.startsWith('DELETE')), 'the Job stays for its log');
  });

  test('prints once why its pod does not start, and deletes the Job after the timeout', async () => {
    const waiting = { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "sum:1"' } };
    const { error, stderr, calls } = await run({ pods: [podIn('Pending', waiting)] }, { stepMs: 60_000 });
    assert.ok(error instanceof CliError && error.exitCode === 3);
    assert.match(error.message, /did not start within 300 s: ImagePullBackOff: image sum:1 cannot be pulled/);
    assert.match(
      stderr,
      /^created .*\nwaiting: pod orders-audit-pod: ImagePullBackOff: image sum:1 cannot be pulled\ndeleted Job orders-audit-bbbbb\n$/,
    );
    assert.equal(calls.at(-1), 'DELETE /apis/batch/v1/namespaces/shop/jobs/orders-audit-x');
  });

  test('reports that the Job has no pod', async () => {
    const { error } = await run({ pods: [undefined] }, { stepMs: 60_000 });
    assert.match(String(error), /it has no pod: check the quotas and policies of the namespace/);
  });

  test('continues output that breaks off, without printing lines twice', async () => {
    const { value, stderr, calls } = await run({
      pods: [running],
      logs: [
        { lines: [at(1, 'one'), at(2, 'two')], error: new Error('the connection broke') },
        { lines: [at(2, 'two'), at(3, 'three')] },
        { lines: [at(3, 'three'), resultLine(4, 'notExact')] },
      ],
    });
    assert.equal(value?.verdict, 'notExact');
    assert.equal(stderr, 'created Job orders-audit-bbbbb\none\ntwo\nthree\n');
    assert.deepEqual(
      calls.filter((call) => call.startsWith('LOG')).map((call) => call.split(' since ')[1]),
      [undefined, '2026-06-01T10:00:02.000000000Z', '2026-06-01T10:00:03.000000000Z'],
    );
  });

  test('gives up on output that cannot be read, and prints how to follow it', async () => {
    const logs = Array.from({ length: 9 }, () => ({ lines: [], error: new Error('the connection broke') }));
    const { error, calls } = await run({ pods: [running], logs }, { stepMs: 20_000 });
    assert.ok(error instanceof CliError && error.exitCode === 3);
    assert.match(
      `${error.message} ${error.hint}`,
      /cannot be read: the connection broke.*kubectl logs -f job\/orders-audit-/,
    );
    assert.ok(!calls.some((call) => call.startsWith('DELETE')));
  });

  for (const [what, exitCode, line, expected] of [
    [
      'its last log line',
      3,
      'error: Kafka refuses to read: grant READ on topic t',
      /exit code 3: Kafka refuses to read: grant READ/,
    ],
    [
      'that the image is too old',
      2,
      'usage: sumpipeline operator|calculator',
      /exit code 2: usage.*older than this sumctl/,
    ],
    ['that it needed more memory', 137, 'partition 0', /exit code 137.*spec\.aggregator\.resources/],
  ] as const) {
    test(`without a result reports ${what}`, async () => {
      const { error } = await run({ pods: [running, ended(exitCode)], logs: [{ lines: [at(1, line)] }] });
      assert.ok(error instanceof CliError && error.exitCode === 3);
      assert.match(`${error.message} ${error.hint}`, expected);
    });
  }

  test('without a result reports that the pod was deleted or evicted', async () => {
    const gone = await run({ pods: [running, undefined], logs: [{ lines: [at(1, 'partition 0')] }] });
    assert.match(String(gone.error), /gave no result: its pod was deleted or evicted: partition 0/);
    const evicted = await run({ pods: [running, { metadata: { name: 'p' }, status: { phase: 'Failed' } }] });
    assert.match(String(evicted.error), /gave no result: its pod was deleted or evicted/);
  });

  test('that is interrupted deletes its Job', async () => {
    const controller = new AbortController();
    const onCall = (call: string) => call.startsWith('LOG') && controller.abort(new Error('interrupted by SIGINT'));
    const logs = [{ lines: [at(1, 'one')], error: new Error('aborted') }];
    const { error, stderr, calls } = await run({ pods: [running], logs, onCall }, { signal: controller.signal });
    assert.match(String(error), /interrupted by SIGINT/);
    assert.match(stderr, /deleted Job orders-audit-bbbbb\n$/);
    assert.equal(calls.at(-1), 'DELETE /apis/batch/v1/namespaces/shop/jobs/orders-audit-x');
  });

  for (const [call, right] of [
    ['GET /apis/apps/v1/namespaces/shop/deployments', 'get deployments.apps'],
    ['POST /apis/batch/v1/namespaces/shop/jobs', 'create jobs.batch'],
    ['GET /api/v1/namespaces/shop/pods', 'list pods'],
    ['LOG', 'get pods/log'],
  ] as const) {
    test(`names the missing permission: ${right}`, async () => {
      const message = 'it is forbidden: User "ann" cannot do it in the namespace "shop"';
      const { error } = await run({ pods: [running], refuse: { call, status: 403, reason: 'Forbidden', message } });
      assert.ok(error instanceof CliError && error.exitCode === 1);
      assert.equal(error.hint, `Ask an administrator for the permission to ${right} in namespace "shop".`);
    });
  }

  test('distinguishes a quota from a missing permission', async () => {
    const refuse = {
      call: 'POST',
      status: 403,
      reason: 'Forbidden',
      message: 'jobs is forbidden: exceeded quota: small',
    };
    const { error } = await run({ pods: [running], refuse });
    assert.ok(error instanceof CliError && error.exitCode === 3);
    assert.match(error.message, /the API server refused: .*exceeded quota/);
  });
});

describe('sumctl verify --from-log', () => {
  test('prints the result and exits with the code of its verdict', async () => {
    const verdicts = [
      ['exact', 0],
      ['notExact', 1],
      ['incomplete', 3],
    ] as const;
    for (const [verdict, exitCode] of verdicts) {
      await using server = await startFakeApiServer({
        pipelines: [{ metadata: { name: 'orders', uid: 'uid-1' } }],
        pods: [],
        answer(call) {
          if (call.includes('/log?'))
            return { lines: [at(1, 'partition 0 at offset 5: 50 % of 10 offsets'), resultLine(2, verdict)] };
          if (call.includes('/pods?')) return { json: { items: [running] } };
          if (call.includes('/deployments/'))
            return { json: { spec: { template: { spec: { containers: [{ name: 'sumpipeline' }] } } } } };
          return call.endsWith('/jobs') ? { json: {} } : undefined;
        },
      });
      const ran = await runSumctl([
        'verify',
        '--from-log',
        '--to',
        '0:9',
        '-o',
        'json',
        '--kubeconfig',
        server.kubeconfig,
      ]);
      assert.deepEqual([ran.exitCode, JSON.parse(ran.stdout)], [exitCode, { ...result, verdict }], ran.stderr);
      assert.match(ran.stderr, /^created Job orders-audit-\w{5}\npartition 0 at offset 5: 50 % of 10 offsets\n$/);
    }
  });

  test('names the permission to read the log, which uses another kind of request', async () => {
    const message =
      'pods "orders-audit-pod" is forbidden: User "ann" cannot get resource "pods/log" in the namespace "shop"';
    await using server = await startFakeApiServer({
      pipelines: [{ metadata: { name: 'orders', uid: 'uid-1' } }],
      pods: [],
      refuse: (path) => (path.includes('/log?') ? { code: 403, reason: 'Forbidden', message } : undefined),
      answer(call) {
        if (call.includes('/pods?')) return { json: { items: [running] } };
        if (call.includes('/deployments/')) {
          return { json: { spec: { template: { spec: { containers: [{ name: 'sumpipeline' }] } } } } };
        }
        return call.endsWith('/jobs') ? { json: {} } : undefined;
      },
    });
    const ran = await runSumctl(['verify', '--from-log', '--kubeconfig', server.kubeconfig]);
    assert.deepEqual([ran.exitCode, ran.stdout], [1, '']);
    assert.match(ran.stderr, /Ask an administrator for the permission to get pods\/log in namespace "shop"\./);
  });

  for (const [args, message] of [
    [['--from-log', '--no-recount'], /--no-recount has no effect with --from-log/],
    [['--to', '0:1'], /--to needs --from-log/],
    [['--from-log', '--to', 'x'], /--to must be positions/],
    [['--from-log', '--aggregator-url', 'http://127.0.0.1:1'], /--from-log runs in the cluster of the pipeline/],
  ] as const) {
    test(`refuses ${args.join(' ')}`, async () => {
      const ran = await runSumctl(['verify', ...args]);
      assert.equal(ran.exitCode, 2, ran.stderr);
      assert.match(ran.stderr, message);
    });
  }
});
