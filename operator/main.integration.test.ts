import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { operatorName, operatorNamespace } from '#operator/desired/childKinds.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  draftIn,
  findStatus,
  type OperatorCluster,
  startOperatorCluster,
} from '#test/support/operatorCluster.ts';

let cluster: OperatorCluster;
let folder: string;
before(async () => {
  cluster = await startOperatorCluster();
  folder = await mkdtemp(join(tmpdir(), 'operator-'));
  await writeFile(join(folder, 'kubeconfig'), cluster.operatorKubeconfig, { mode: 0o600 });
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Process extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** Everything that the process printed. */
  output(): string;
}

/** Starts `sumpipeline operator` as in its pod, but with a kubeconfig file as credentials. */
function run(name: string, environment: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, ['sumpipeline.ts', 'operator'], {
    cwd: join(import.meta.dirname, '..'),
    env: {
      PATH: process.env['PATH'],
      SUMPIPELINE_OPERATOR_NAMESPACE: operatorNamespace,
      SUMPIPELINE_OPERATOR_IMAGE: 'sumpipeline:test',
      SUMPIPELINE_POD_NAME: name,
      SUMPIPELINE_LISTEN_ADDRESS: '127.0.0.1',
      SUMPIPELINE_ADMIN_PORT: '0',
      SUMPIPELINE_KUBECONFIG: join(folder, 'kubeconfig'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => lines.push(line));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  return {
    child,
    ended,
    output: () => lines.join('\n'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Sends a GET to the admin port of the operator. Waits until the operator listens. */
async function ask(operator: Process, path: string): Promise<{ status: number; body: string }> {
  let port = '';
  await eventually('the operator to listen', () => {
    port = /"port":(\d+)/.exec(operator.output())?.[1] ?? '';
    return port !== '' || operator.output();
  });
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, body: await answer.text() };
}

async function holder(): Promise<string> {
  const lease = await cluster
    .kubectl('-n', operatorNamespace, 'get', 'lease', operatorName, '-o', 'json')
    .catch(() => '{}');
  return JSON.parse(lease).spec?.holderIdentity ?? '';
}

test('without required settings the operator ends at once and names them', async () => {
  await using operator = run('none', { SUMPIPELINE_OPERATOR_IMAGE: '', SUMPIPELINE_CONCURRENCY: 'many' });
  assert.equal(await operator.ended, 2);
  assert.match(operator.output(), /SUMPIPELINE_OPERATOR_IMAGE is missing/);
  assert.match(operator.output(), /SUMPIPELINE_CONCURRENCY: must be a whole number/);
});

test('the operator leads, reconciles, serves probes and metrics, and releases the Lease when it is stopped', async () => {
  await using operator = run('first');
  assert.equal((await ask(operator, '/livez')).status, 200);
  await eventually('it to be ready', async () => {
    const { status, body } = await ask(operator, '/readyz');
    return status === 200 || body;
  });
  await eventually('it to lead', async () => (await holder()).startsWith('first_') || operator.output());
  const namespace = await cluster.createNamespace();
  await applyPipeline(cluster.client, draftIn(namespace));
  await eventually('a status', async () => (await findStatus(cluster.client, namespace)).conditions !== undefined);
  await eventually('the census', async () => {
    const { body } = await ask(operator, '/metrics');
    const wanted = [
      'sumpipeline_operator_pipelines{state="reconciling"} 1',
      'action="create"} 14',
      'leader_election_master_status',
    ];
    return (
      wanted.every((line) => body.includes(line)) || body.split('\n').filter((line) => line.includes('sumpipeline'))
    );
  });
  const { body } = await ask(operator, '/statusz');
  for (const fact of ['leads: yes', 'sumpipelines.sumpipeline.dev: synced, 1 objects', 'notInstalled'])
    assert(body.includes(fact), body);
  operator.child.kill('SIGTERM');
  assert.equal(await operator.ended, 0, operator.output());
  assert.equal(await holder(), '');
});

test('one of two operators leads, and the other takes over when the first is killed', async () => {
  await using first = run('first');
  await eventually('the first to lead', async () => (await holder()).startsWith('first_') || first.output());
  await using second = run('second');
  await eventually('the second to stand by', async () => (await ask(second, '/readyz')).status === 200);
  assert.ok((await holder()).startsWith('first_'));
  first.child.kill('SIGKILL');
  await eventually('the second to lead', async () => (await holder()).startsWith('second_'), 60_000);
  const namespace = await cluster.createNamespace();
  await applyPipeline(cluster.client, draftIn(namespace));
  await eventually('its work', async () => (await findStatus(cluster.client, namespace)).conditions !== undefined);
});
