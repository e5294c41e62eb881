import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { startApiServer } from '#lab/cluster/apiServer.ts';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { untilEstablished } from '#lab/crds/established.ts';
import { spawnChild } from '#lab/process/child.ts';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

const root = join(import.meta.dirname, '..', '..');
const valuesSchema = z.object({
  rbac: z.object({ extraRules: z.array(z.object({}).loose()) }),
  customResourceState: z.object({ config: z.object({}).loose() }),
});

/** The rules that the chart itself grants when customResourceState is enabled. */
const chartRules = [
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: ['list', 'watch'] },
];

const orders = {
  apiVersion: 'sumpipeline.dev/v1alpha1',
  kind: 'SumPipeline',
  metadata: { name: 'orders', namespace: 'default' },
  spec: {
    kafka: { bootstrapServers: ['kafka:9092'], topic: { partitions: 6 } },
    store: { postgres: { secretRef: { name: 'db' } } },
  },
};
const condition = (type: string, status: string) => ({
  type,
  status,
  reason: 'Seen',
  message: 'seen',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const status = {
  observedGeneration: 1,
  image: 'sumpipeline:1',
  topic: 'default.orders',
  conditions: [condition('Ready', 'True'), condition('TotalExact', 'Unknown')],
};

test('with our values and only the permissions in them, kube-state-metrics shows the conditions of a SumPipeline', async () => {
  await using folder = await createTemporaryFolder();
  const program = join(await buildGoModule('kubestatemetrics', { progress: createProgress() }), 'kube-state-metrics');
  await using api = await startApiServer();
  const kubectl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(api.kubectlPath, ['--kubeconfig', api.kubeconfigPath, ...args]);
    return stdout;
  };
  const values = valuesSchema.parse(
    parse(await readFile(join(root, 'manifests', 'kube-state-metrics', 'values.yaml'), 'utf8')),
  );
  const subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'kube-state-metrics' };
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: subject.name } };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: subject.name };
  const files = {
    'role.yaml': { ...rbac, kind: 'ClusterRole', rules: [...chartRules, ...values.rbac.extraRules] },
    'binding.yaml': { ...rbac, kind: 'ClusterRoleBinding', roleRef, subjects: [subject] },
    'orders.yaml': orders,
    'config.yaml': values.customResourceState.config,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder.path, name), stringify(content));
  await kubectl('apply', '-k', join(root, 'crds'));
  await untilEstablished((args) => kubectl(...args), ['crd', '--all']);
  for (const name of ['role.yaml', 'binding.yaml', 'orders.yaml'])
    await kubectl('apply', '-f', join(folder.path, name));
  await kubectl('patch', 'sump', 'orders', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));

  await writeFile(join(folder.path, 'kubeconfig'), await api.kubeconfigFor({ user: subject.name }), { mode: 0o600 });
  const [port, telemetryPort] = [await findFreePort('127.0.0.1'), await findFreePort('127.0.0.1')];
  const child = await spawnChild({
    command: program,
    args: [
      `--kubeconfig=${join(folder.path, 'kubeconfig')}`,
      '--custom-resource-state-only',
      `--custom-resource-state-config-file=${join(folder.path, 'config.yaml')}`,
      '--host=127.0.0.1',
      `--port=${port}`,
      '--telemetry-host=127.0.0.1',
      `--telemetry-port=${telemetryPort}`,
    ],
    logFile: join(folder.path, 'log'),
  });
  try {
    const wanted = [
      /^kube_sumpipeline_status_condition\{.*namespace="default",status="True",sumpipeline="orders",type="Ready"\} 1$/m,
      /^kube_sumpipeline_status_condition\{.*status="True",sumpipeline="orders",type="TotalExact"\} 0$/m,
      /^kube_sumpipeline_status_condition\{.*status="Unknown",sumpipeline="orders",type="TotalExact"\} 1$/m,
      /^kube_sumpipeline_info\{.*image="sumpipeline:1",namespace="default",sumpipeline="orders",topic="default.orders"\} 1$/m,
      /^kube_sumpipeline_metadata_generation\{.*sumpipeline="orders"\} 1$/m,
      /^kube_sumpipeline_status_observed_generation\{.*sumpipeline="orders"\} 1$/m,
    ];
    const text = await waitFor({ what: 'the metrics', timeoutMs: 60_000, intervalMs: 250 }, async () => {
      const seen = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const missing = wanted.filter((line) => !line.test(seen));
      if (missing.length > 0) throw new Error(`${missing.join(', ')} not in:\n${seen.slice(0, 4_000)}`);
      return seen;
    });
    assert.doesNotMatch(text, /kube_pod_/);
  } catch (error) {
    const log = await readFile(join(folder.path, 'log'), 'utf8');
    throw new Error(`${(error as Error).message}\nthe output of kube-state-metrics:\n${log.slice(-4_000)}`);
  } finally {
    child.signal('SIGTERM');
    await child.exited;
  }
});
