import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import type { Transport } from '#kube/client/transport.ts';
import { connectTo } from '#kube/testing/connect.ts';
import { namespaces } from '#kube/testing/kinds.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { kedaCrds } from '#lab/crds/keda.ts';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import { strimziCrds } from '#lab/crds/strimzi.ts';
import { parseStrimziKafka } from '#operator/api/strimzi.ts';
import { eventually } from '#test/support/condition.ts';
import type { Child, ChildObject } from './child.ts';
import { groupOf, ownership } from './childKinds.ts';
import { buildChildren } from './children.ts';
import {
  type Example,
  foreignExample,
  fullExample,
  kedaExample,
  minimalExample,
  scaledExample,
  strimziExample,
} from './testing/examples.ts';

const pods: Resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const crds: Resource<KubeObject & { status?: { conditions?: { type: string; status: string }[] } }> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const priorityClasses: Resource = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
};
const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };

const examples = {
  minimal: minimalExample(),
  full: fullExample(),
  strimzi: strimziExample(),
  foreign: foreignExample(),
  scaled: scaledExample(),
  keda: kedaExample(),
};
const asAdmin = { fieldManager: 'test', force: true };
let server: ApiServer;
let client: KubeClient;
let transport: Transport;

before(async () => {
  server = await startApiServer();
  ({ client, transport } = connectTo(server.kubeconfigPath));
  for (const { files } of [await strimziCrds(), await prometheusOperatorCrds(), await kedaCrds()]) {
    for (const file of files) await installCrd(parse(await readFile(file, 'utf8')));
  }
  for (const [name, labels] of Object.entries({ shop: restricted, kafka: {} })) {
    await client.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, asAdmin);
  }
  const important = {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'important' },
    value: 1,
  };
  await client.apply(priorityClasses, important, asAdmin);
});
after(async () => {
  await transport.close();
  await server.stop();
});

async function installCrd(crd: KubeObject): Promise<void> {
  await client.apply(crds, crd, asAdmin);
  await eventually(`${crd.metadata.name} to be served`, async () => {
    const { status } = await client.get(crds, { name: crd.metadata.name });
    return (
      status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') || status
    );
  });
}

function dryRun({ owned, object }: Child) {
  const version = owned.apiVersion.slice(owned.apiVersion.lastIndexOf('/') + 1);
  const resource = {
    group: groupOf(owned.apiVersion),
    version,
    kind: owned.kind,
    plural: owned.plural,
    namespaced: true,
  };
  return client.apply(resource, object, {
    fieldManager: 'sumpipeline-operator',
    force: true,
    dryRun: true,
    fieldValidation: 'Strict',
  });
}

for (const [name, { pipeline, facts }] of Object.entries(examples)) {
  describe(`${name}: a real API server with the genuine CRDs accepts under strict validation`, () => {
    for (const child of buildChildren(pipeline, facts)) {
      test(`${child.owned.kind} ${child.object.metadata.name}`, async () => {
        const { object } = await dryRun(child);
        assert.equal(object.metadata.name, child.object.metadata.name);
      });
    }
  });

  test(`${name}: the restricted Pod Security Standard lets the pods in`, async () => {
    for (const { name: podName, spec } of podsOf({ pipeline, facts })) await createPod(podName, spec);
  });
}

test('the Kafka that we read has the shape of the genuine CRD', async () => {
  const kafkas: Resource = {
    group: 'kafka.strimzi.io',
    version: 'v1',
    kind: 'Kafka',
    plural: 'kafkas',
    namespaced: true,
  };
  const listeners = [{ name: 'scram', port: 9094, type: 'internal', tls: true }];
  const head = { apiVersion: 'kafka.strimzi.io/v1', kind: 'Kafka', metadata: { name: 'main', namespace: 'kafka' } };
  const spec = { kafka: { listeners } };
  const status = {
    listeners: [{ name: 'scram', bootstrapServers: 'b-1:9094', certificates: ['pem'] }],
    conditions: [{ type: 'NotReady', status: 'True', message: 'no quorum' }],
  };
  await client.apply(kafkas, { ...head, spec } as typeof head, { ...asAdmin, fieldValidation: 'Strict' });
  await client.applyStatus(kafkas, { ...head, status } as typeof head, { ...asAdmin, fieldValidation: 'Strict' });
  const kafka = parseStrimziKafka(await client.get(kafkas, head.metadata));
  assert.deepEqual(kafka?.status, status);
  assert.deepEqual(kafka?.spec.kafka.listeners, [{ name: 'scram', tls: true }]);
});

test('the namespace does enforce the standard: a pod that may be root is refused', async () => {
  const [pod] = podsOf(minimalExample());
  assert.ok(pod);
  const { securityContext: _, ...spec } = pod.spec;
  await assert.rejects(createPod('root', spec), (error) => {
    assert.ok(isKubernetesError(error, 'forbidden'));
    assert.match(error.serverMessage, /violates PodSecurity "restricted:latest": runAsNonRoot != true/);
    return true;
  });
});

test('a typo would be refused: the validation is strict', async () => {
  const child = buildChildren(minimalExample().pipeline, minimalExample().facts).find(
    ({ owned }) => owned === ownership.service,
  );
  assert.ok(child);
  const wrong: ChildObject = { ...child.object, spec: { portz: [] } };
  await assert.rejects(dryRun({ ...child, object: wrong }), /portz/);
});

function createPod(name: string, spec: object) {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' }, spec };
  return client.create(pods, pod, { fieldManager: 'test', dryRun: true, fieldValidation: 'Strict' });
}

const deploymentSchema = z.object({
  spec: z.object({ template: z.object({ spec: z.record(z.string(), z.unknown()) }) }),
});

/** Returns the pods that the controllers would make for the Deployments. */
function podsOf({ pipeline, facts }: Example): { name: string; spec: Record<string, unknown> }[] {
  return buildChildren(pipeline, facts)
    .filter(({ owned }) => owned === ownership.deployment)
    .map(({ object }) => ({ name: object.metadata.name, spec: deploymentSchema.parse(object).spec.template.spec }));
}
