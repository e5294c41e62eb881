import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { labelKeys } from '#contract/labels.ts';
import { buildDeployment } from '#operator/desired/deployment.ts';
import { type Example, fullExample, minimalExample, strimziExample } from '#operator/desired/testing/examples.ts';
import { auditJobName, buildAuditJob, deploymentSchema } from './job.ts';

const ref = { namespace: 'shop', name: 'orders' };

function jobOf({ pipeline, facts }: Example, to = ''): object {
  const deployment = deploymentSchema.parse(buildDeployment(pipeline, facts, 'aggregator'));
  const job = buildAuditJob({ ref, uid: 'uid-1', name: 'orders-audit-bcdfg', deployment, to });
  assert.ok(job !== undefined);
  return job;
}

describe('the Job of an audit', () => {
  for (const [name, example] of [
    ['minimal', minimalExample()],
    ['full', fullExample()],
    ['strimzi', strimziExample()],
  ] as const) {
    test(`of the ${name} pipeline is the one in its golden file`, (context) => {
      const path = join(import.meta.dirname, 'golden', `${name}.yaml`);
      context.assert.fileSnapshot(jobOf(example), path, {
        serializers: [(job) => stringify(job, { lineWidth: 0, aliasDuplicateObjects: false })],
      });
    });
  }

  test('has none of the labels that our selectors use', () => {
    const text = JSON.stringify(jobOf(fullExample()));
    for (const key of Object.values(labelKeys)) assert.ok(!text.includes(`"${key}":"`), key);
    assert.match(text, /"sumpipeline\.dev\/audit":"orders"/);
  });

  test('leaves out sidecars and the volumes that only they mount', () => {
    const { pipeline, facts } = strimziExample();
    const live = deploymentSchema.parse(buildDeployment(pipeline, facts, 'aggregator'));
    const { template } = live.spec;
    template.spec.containers.push({ name: 'proxy', image: 'proxy', volumeMounts: [{ name: 'proxy-data' }] });
    template.spec.volumes.push({ name: 'proxy-data', emptyDir: {} });
    const job = buildAuditJob({ ref, uid: 'uid-1', name: 'orders-audit-bcdfg', deployment: live, to: '' });
    assert.deepEqual(job, jobOf(strimziExample()));
  });

  test('is not built from a Deployment without our container', () => {
    const deployment = deploymentSchema.parse({ spec: { template: { spec: { containers: [{ name: 'other' }] } } } });
    assert.equal(buildAuditJob({ ref, uid: 'uid-1', name: 'x', deployment, to: '' }), undefined);
  });

  test('passes --to on', () => {
    assert.match(JSON.stringify(jobOf(minimalExample(), '0:41,1:7')), /"args":\["audit","--to","0:41,1:7"\]/);
  });

  test('gets a new name each time', () => {
    assert.equal(
      auditJobName(ref, () => 0),
      'orders-audit-bbbbb',
    );
    assert.equal(
      auditJobName(ref, () => 0.999),
      'orders-audit-99999',
    );
  });
});
