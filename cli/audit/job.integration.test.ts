import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Cluster, loadCluster } from '#cli/connection/cluster.ts';
import { CliError } from '#cli/exit.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { buildDeployment } from '#operator/desired/deployment.ts';
import { type Example, minimalExample, strimziExample } from '#operator/desired/testing/examples.ts';
import { auditJobName, buildAuditJob } from './job.ts';
import { AuditCluster } from './jobs.ts';

/** These tests create the Job in a real API server. The namespace enforces the restricted Pod Security Standard. */

const ref = { namespace: 'shop', name: 'orders' };
const { signal } = new AbortController();
let server: ApiServer;
let cluster: Cluster;

before(async () => {
  server = await startApiServer();
  cluster = loadCluster({ kubeconfig: server.kubeconfigPath });
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } });
});
after(() => server?.stop());

function post(path: string, body: object, query = {}): Promise<unknown> {
  return cluster.request({ method: 'POST', path, body, query, signal });
}

async function createDeployment({ pipeline, facts }: Example): Promise<void> {
  const deployment = buildDeployment(pipeline, facts, 'aggregator');
  await post('/apis/apps/v1/namespaces/shop/deployments', deployment);
}

async function deleteDeployment(): Promise<void> {
  const path = '/apis/apps/v1/namespaces/shop/deployments/orders-aggregator';
  await cluster.request({ method: 'DELETE', path, signal });
}

describe('the API server', () => {
  for (const [name, example] of [
    ['minimal', minimalExample()],
    ['strimzi', strimziExample()],
  ] as const) {
    test(`accepts the Job of the ${name} pipeline and its pod, made from the Deployment that it holds`, async () => {
      const audit = new AuditCluster(cluster, ref);
      await createDeployment(example);
      const deployment = await audit.readDeployment(signal);
      await deleteDeployment();
      const jobName = auditJobName(ref, Math.random);
      const job = buildAuditJob({ ref, uid: 'uid-1', name: jobName, deployment, to: '0:1' });
      assert.ok(job !== undefined);
      await audit.createJob(job, signal);
      // No controller makes the pod here, so the test checks the admission of a pod directly.
      const { template } = Reflect.get(job, 'spec') as { template: { metadata: object; spec: object } };
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: jobName },
        spec: template.spec,
      };
      await post('/api/v1/namespaces/shop/serviceaccounts', {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: `orders-aggregator` },
      }).catch(() => {
        // The first of these tests has already created the ServiceAccount.
      });
      await post('/api/v1/namespaces/shop/pods', pod, { dryRun: 'All', fieldValidation: 'Strict' });
      assert.equal(await audit.findPod(jobName, signal), undefined);
      await audit.deleteJob(jobName, signal);
      await audit.deleteJob(jobName, signal);
    });
  }

  test('names the Deployment that is missing', async () => {
    await assert.rejects(
      new AuditCluster(cluster, { namespace: 'shop', name: 'gone' }).readDeployment(signal),
      (error) => {
        assert.ok(error instanceof CliError);
        assert.match(error.message, /shop\/gone has no aggregators: Deployment gone-aggregator is missing/);
        return true;
      },
    );
  });
});
