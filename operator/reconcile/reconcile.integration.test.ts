import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { labelKeys, ownerLabels } from '#contract/labels.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import { configMaps } from '#kube/testing/kinds.ts';
import { operatorName, operatorNamespace } from '#operator/desired/childKinds.ts';
import { deployments, pipelines } from '#operator/reconcile/resources.ts';
import { eventually } from '#test/support/condition.ts';
import {
  applyPipeline,
  asPerson,
  draftIn,
  name,
  type OperatorCluster,
  resourceFor,
  startOperatorCluster,
  untilCondition,
} from '#test/support/operatorCluster.ts';
import { startOperator, stopOperators, type TestOperator } from '#test/support/operatorInProcess.ts';

const services = resourceFor('v1', 'Service', 'services');
const serviceAccounts = resourceFor('v1', 'ServiceAccount', 'serviceaccounts');
const roles = resourceFor('rbac.authorization.k8s.io/v1', 'Role', 'roles');
const operatorUser = `system:serviceaccount:${operatorNamespace}:${operatorName}`;
const calculator = `${name}-calculator`;
const aggregator = `${name}-aggregator`;

let cluster: OperatorCluster;
before(async () => {
  cluster = await startOperatorCluster();
});
afterEach(stopOperators);
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

const start = (namespace: string, more: Partial<Parameters<typeof startOperator>[0]> = {}): Promise<TestOperator> =>
  startOperator({ kubeconfig: cluster.operatorKubeconfig, watches: namespace, ...more });

/** Makes a pipeline with all its children, and an operator that has nothing left to do. */
async function settled(change?: Parameters<typeof draftIn>[1]) {
  const namespace = await cluster.createNamespace();
  const operator = await start(namespace);
  await applyPipeline(cluster.client, draftIn(namespace, change));
  await operator.whenIdle();
  operator.writes.length = 0;
  return { namespace, operator, client: cluster.client };
}

describe('with only its generated role the operator', () => {
  test('creates every child, then writes the status, then writes nothing more', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await start(namespace);
    await applyPipeline(cluster.client, draftIn(namespace));
    await operator.whenIdle();
    assert.deepEqual(operator.writes, [
      `apply ServiceAccount ${namespace}/${calculator}`,
      `apply ServiceAccount ${namespace}/${aggregator}`,
      `apply Role ${namespace}/${aggregator}`,
      `apply RoleBinding ${namespace}/${aggregator}`,
      `apply ConfigMap ${namespace}/${name}-proof`,
      `apply ConfigMap ${namespace}/${name}-topic`,
      `apply Service ${namespace}/${calculator}`,
      `apply Service ${namespace}/${calculator}-headless`,
      `apply Service ${namespace}/${aggregator}`,
      `apply Service ${namespace}/${aggregator}-headless`,
      `apply Deployment ${namespace}/${calculator}`,
      `apply PodDisruptionBudget ${namespace}/${calculator}`,
      `apply Deployment ${namespace}/${aggregator}`,
      `apply PodDisruptionBudget ${namespace}/${aggregator}`,
      `apply SumPipeline/status ${namespace}/${name}`,
    ]);
    assert.deepEqual(
      operator.events.map(({ reason }) => reason),
      ['Created'],
    );
  });

  test('writes nothing after a restart', async () => {
    const { namespace, operator } = await settled((draft) => {
      Object.assign(draft.spec, {
        // The server writes these values in another form, or leaves out a zero. Neither is a difference.
        calculator: { replicas: 2, resources: { requests: { cpu: '1000m', memory: '0.5Gi' } } },
      });
    });
    assert.deepEqual(operator.writes, []);
    await operator[Symbol.asyncDispose]();
    await using next = await start(namespace);
    await next.whenIdle();
    assert.deepEqual(next.writes, []);
  });

  test('owns no field of a number of replicas', async () => {
    const { namespace, client, operator } = await settled((draft) => {
      Object.assign(draft.spec, { calculator: { replicas: 3 } });
    });
    await using _ = operator;
    const live = await client.get(deployments, { namespace, name: calculator });
    assert.equal(live.spec?.replicas, 3);
    const owners = (live.metadata.managedFields ?? [])
      .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes('f:replicas'))
      .map(({ manager }) => manager);
    // A write through scale is not an apply. So no field manager owns the number, and no later apply resets it.
    assert.deepEqual(owners, []);
  });
});

describe('what another client changes', () => {
  test('in a field of ours is corrected; fields that the client added stay', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    const asOther = { fieldManager: 'other-client', force: true };
    const target = { namespace, name: calculator };
    await client.mergePatch(
      services,
      target,
      { spec: { selector: { else: 'where' } }, metadata: { labels: { theirs: 'yes' } } },
      asOther,
    );
    await client.mergePatch(roles, { namespace, name: aggregator }, { rules: [] }, asOther);
    const sidecar = { name: 'sidecar', image: 'localhost/sidecar:1' };
    const patch = {
      spec: { template: { metadata: { annotations: { restartedAt: 'now' } }, spec: { containers: [sidecar] } } },
    };
    await cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'deployment',
      calculator,
      '--type=strategic',
      '-p',
      JSON.stringify(patch),
    );
    await cluster.kubectl('-n', namespace, 'set', 'image', `deployment/${calculator}`, 'sumpipeline=localhost/other:1');
    await operator.whenIdle();

    const service = JSON.parse(await cluster.kubectl('-n', namespace, 'get', 'service', calculator, '-o', 'json'));
    assert.equal(service.spec.selector[labelKeys.name], name);
    assert.equal(service.metadata.labels.theirs, 'yes');
    const role = JSON.parse(await cluster.kubectl('-n', namespace, 'get', 'role', aggregator, '-o', 'json'));
    assert.equal(role.rules.length, 1);
    const { template } = JSON.parse(
      await cluster.kubectl('-n', namespace, 'get', 'deployment', calculator, '-o', 'json'),
    ).spec;
    const images = template.spec.containers.map(({ image }: { image: string }) => image).sort();
    assert.deepEqual(images, ['localhost/sidecar:1', 'sumpipeline:test']);
    assert.equal(template.metadata.annotations.restartedAt, 'now');
    operator.writes.length = 0;
    await operator.whenIdle();
    assert.deepEqual(operator.writes, [], 'repaired once');
  });

  test('in the labels that make a child ours is corrected', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    const patch = { metadata: { labels: { [labelKeys.name]: null, [labelKeys.namespace]: null } } };
    await client.mergePatch(services, { namespace, name: calculator }, patch, { fieldManager: 'other-client' });
    await eventually('the labels to be back', async () => {
      const { metadata } = await client.get(services, { namespace, name: calculator });
      return metadata.labels?.[labelKeys.name] === name || metadata.labels;
    });
  });

  test('by deleting a child is undone: the child is created again', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    await cluster.kubectl('-n', namespace, 'delete', 'service', calculator);
    await eventually(
      'the Service',
      async () => (await client.find(services, { namespace, name: calculator })) !== undefined,
    );
  });

  test('in the number of replicas is corrected if the spec has a number, and left otherwise', async () => {
    const { namespace, operator, client } = await settled((draft) => {
      Object.assign(draft.spec, { calculator: { replicas: 2 } });
    });
    await using _ = operator;
    for (const workload of [calculator, aggregator]) {
      await cluster.kubectl('-n', namespace, 'scale', `deployment/${workload}`, '--replicas=4');
    }
    await operator.whenIdle();
    const replicasOf = async (workload: string) =>
      (await client.get(deployments, { namespace, name: workload })).spec?.replicas;
    assert.equal(await replicasOf(calculator), 2);
    assert.equal(await replicasOf(aggregator), 4);
    assert.ok(operator.events.some(({ reason, note }) => reason === 'Scaled' && note.includes('from 4 to 2')));

    // Without `replicas` in the spec the number stays.
    await applyPipeline(client, draftIn(namespace));
    await operator.whenIdle();
    assert.equal(await replicasOf(calculator), 2);
  });

  test('in security fields of our pods is reported and left', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    await cluster.kubectl('-n', namespace, 'set', 'env', `deployment/${calculator}`, 'NODE_OPTIONS=--inspect');
    const message = await untilCondition(client, namespace, 'Drifted', 'True SecurityFieldsAdded');
    assert.match(
      message,
      /kubectl-set added spec\.containers\[sumpipeline\]\.env to the pods of Deployment orders-calculator/,
    );
    assert.equal(operator.writes.filter((write) => write.includes('Deployment')).length, 0);
  });
});

describe('a foreign object under a name of ours', () => {
  async function withForeign(resource: Resource, foreign: KubeObject) {
    const namespace = foreign.metadata.namespace ?? '';
    await cluster.client.create(resource, foreign, { fieldManager: 'foreign-manager' });
    const before = await cluster.client.get(resource, foreign.metadata);
    const operator = await start(namespace);
    await applyPipeline(cluster.client, draftIn(namespace));
    const message = await untilCondition(cluster.client, namespace, 'Stalled', 'True NameConflict');
    await operator.whenIdle();
    assert.deepEqual(await cluster.client.get(resource, foreign.metadata), before, 'untouched');
    return { operator, message };
  }

  test('is untouched and named, and the pipeline goes on when it is gone', async () => {
    const namespace = await cluster.createNamespace();
    const metadata = { namespace, name: calculator };
    const spec = { ports: [{ port: 80 }], selector: { app: 'theirs' } };
    const { operator, message } = await withForeign(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec,
    } as KubeObject);
    await using _ = operator;
    assert.match(message, new RegExp(`Service ${namespace}/${calculator} exists and does not belong to SumPipeline`));
    assert.match(message, /Delete or rename it/);
    assert.ok(operator.events.some(({ type, reason }) => type === 'Warning' && reason === 'NameConflict'));
    // Only the children that depend on the conflicting object wait. All other children exist.
    assert.ok(await cluster.client.find(deployments, { namespace, name: aggregator }));

    await cluster.kubectl('-n', namespace, 'delete', 'service', calculator);
    // No watch reports a foreign object. The operator checks again after a minute, or when one of our objects changes.
    // Change one, so that the test does not wait.
    await cluster.kubectl('-n', namespace, 'annotate', 'sump', name, 'look=again');
    await eventually('the Service', async () => (await cluster.client.find(services, metadata)) !== undefined);
  });

  test('that is a ServiceAccount prevents the start of pods', async () => {
    const namespace = await cluster.createNamespace();
    const metadata = { namespace, name: aggregator };
    const { operator } = await withForeign(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await using _ = operator;
    assert.equal(await cluster.client.find(deployments, { namespace, name: aggregator }), undefined);
  });

  test('that carries labels of another pipeline is not ours either', async () => {
    const namespace = await cluster.createNamespace();
    const labels = ownerLabels({ namespace, name: 'other' });
    const metadata = { namespace, name: aggregator, labels };
    const { operator } = await withForeign(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await operator[Symbol.asyncDispose]();
  });

  test('that another client creates between our check and our apply loses our fields again', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await start(namespace);
    const target = { namespace, name: `${name}-proof` };
    let isMade = false;
    operator.beforeRequest = async ({ context }) => {
      if (isMade || context.verb !== 'apply' || context.kind !== 'ConfigMap') return;
      isMade = true;
      const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata: target, data: { theirs: 'yes' } };
      await cluster.client.create(configMaps, foreign, { fieldManager: 'foreign-manager' });
    };
    await applyPipeline(cluster.client, draftIn(namespace));
    await untilCondition(cluster.client, namespace, 'Stalled', 'True NameConflict');
    await operator.whenIdle();
    const live = await cluster.client.get(configMaps, target);
    assert.deepEqual(live.data, { theirs: 'yes' });
    assert.equal(live.metadata.ownerReferences, undefined, 'garbage collection must not delete it with the pipeline');
    assert.equal(live.metadata.labels?.[labelKeys.name], undefined);
  });
});

describe('objects that come back', () => {
  test('a resource that is deleted and applied again gets its children back, with a new owner', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    const before = await client.get(deployments, { namespace, name: calculator });
    // This API server has no garbage collector. The children stay, as they do for a while with a slow garbage
    // collector.
    await cluster.kubectl('-n', namespace, 'delete', 'sump', name);
    await operator.whenIdle();
    const again = await applyPipeline(client, draftIn(namespace));
    await operator.whenIdle();
    const live = await client.get(deployments, { namespace, name: calculator });
    assert.equal(live.metadata.uid, before.metadata.uid);
    assert.deepEqual(
      live.metadata.ownerReferences?.map(({ uid }) => uid),
      [again.metadata.uid],
    );
  });

  test('a child that was replaced by a copy with our labels is kept as a child', async () => {
    const { namespace, operator, client } = await settled();
    await operator[Symbol.asyncDispose]();
    const target = { namespace, name: calculator };
    const old = await client.get(services, target);
    const { resourceVersion: _version, uid: _uid, ...metadata } = old.metadata;
    await client.delete(services, target, { uid: old.metadata.uid });
    await client.create(
      services,
      { ...old, metadata, spec: { ports: [{ port: 80, name: 'x' }] } } as KubeObject,
      asPerson,
    );
    await using next = await start(namespace);
    await next.whenIdle();
    const live = JSON.parse(await cluster.kubectl('-n', namespace, 'get', 'service', calculator, '-o', 'json'));
    assert.equal(live.spec.selector[labelKeys.name], name);
  });

  test('a child that is replaced between our list and our write is not written: the uid protects it', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    const target = { namespace, name: calculator };
    const foreign = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: target,
      spec: { ports: [{ port: 80, name: 'theirs' }] },
    };
    let isReplaced = false;
    operator.beforeRequest = async ({ context }) => {
      if (isReplaced || context.verb !== 'apply' || context.kind !== 'Service' || context.name !== calculator) return;
      isReplaced = true;
      const { metadata } = await client.get(services, target);
      await client.delete(services, target, { uid: metadata.uid });
      await client.create(services, foreign as KubeObject, { fieldManager: 'foreign-manager' });
    };
    await client.mergePatch(
      services,
      target,
      { metadata: { labels: { 'app.kubernetes.io/name': 'x' } } },
      { fieldManager: 'other-client' },
    );
    await untilCondition(client, namespace, 'Stalled', 'True NameConflict');
    const live = await client.get(services, target);
    assert.equal(live.metadata.labels, undefined);
  });
});

describe('an API server that', () => {
  test('rewrites what we apply is called once, not in every pass', async () => {
    const policy = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicy',
      metadata: { name: 'rewrite' },
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['services'] },
          ],
        },
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        mutations: [
          {
            patchType: 'JSONPatch',
            jsonPatch: {
              expression:
                '[JSONPatch{op: "replace", path: "/spec/ports/0/appProtocol", value: "example.com/rewritten"}]',
            },
          },
        ],
      },
    };
    const namespace = await cluster.createNamespace();
    const binding = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: { name: 'rewrite' },
      spec: {
        policyName: 'rewrite',
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
      },
    };
    const clusterWide = (kind: string, plural: string) => ({
      ...resourceFor(policy.apiVersion, kind, plural),
      namespaced: false,
    });
    await cluster.client.apply(clusterWide(policy.kind, 'mutatingadmissionpolicies'), policy, asPerson);
    await cluster.client.apply(clusterWide(binding.kind, 'mutatingadmissionpolicybindings'), binding, asPerson);
    await eventually('the policy to work', async () => {
      const probe = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace, name: 'probe' },
        spec: { ports: [{ port: 1, appProtocol: 'http' }] },
      };
      const { object } = await cluster.client.apply(services, probe, { ...asPerson, dryRun: true });
      return JSON.stringify(object['spec']).includes('rewritten') || object['spec'];
    });

    await using operator = await start(namespace);
    await applyPipeline(cluster.client, draftIn(namespace));
    await operator.whenIdle();
    const written = () =>
      operator.writes.filter((write) => write === `apply Service ${namespace}/${calculator}`).length;
    assert.equal(written(), 1);
    await cluster.kubectl('-n', namespace, 'annotate', 'sump', name, 'look=again');
    await operator.whenIdle();
    assert.equal(written(), 1);
    // After another change of the object the operator applies again.
    await cluster.client.mergePatch(
      services,
      { namespace, name: calculator },
      { spec: { sessionAffinity: 'ClientIP' } },
      { fieldManager: 'other-client' },
    );
    await operator.whenIdle();
    assert.ok(written() <= 2);
  });

  test('refuses a child makes the pipeline Stalled with the field, and it recovers with the spec', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await start(namespace);
    await applyPipeline(
      cluster.client,
      draftIn(namespace, (draft) => {
        const tolerations = [{ key: 'k', operator: 'Exists', value: 'not-with-exists' }];
        Object.assign(draft.spec, { calculator: { podTemplate: { tolerations } } });
      }),
    );
    const message = await untilCondition(cluster.client, namespace, 'Stalled', 'True Rejected');
    assert.match(
      message,
      new RegExp(
        `Deployment ${namespace}/${calculator} was refused by the API server: spec\\.template\\.spec\\.tolerations\\[0\\]`,
      ),
    );
    assert.ok(await cluster.client.find(deployments, { namespace, name: aggregator }), 'the others were made');
    await applyPipeline(cluster.client, draftIn(namespace));
    await operator.whenIdle();
    assert.ok(await cluster.client.find(deployments, { namespace, name: calculator }));
    await untilCondition(cluster.client, namespace, 'Stalled', 'False NotStalled');
  });

  test('removes a permission: the status says so, and the operator continues when it is granted again', async () => {
    const namespace = await cluster.createNamespace();
    await using operator = await start(namespace);
    const role = JSON.parse(await cluster.kubectl('get', 'clusterrole', operatorName, '-o', 'json'));
    const index = role.rules.findIndex(({ resources }: { resources: string[] }) => resources.includes('services'));
    const patch = [{ op: 'replace', path: `/rules/${index}/verbs`, value: ['get', 'list', 'watch'] }];
    await cluster.kubectl('patch', 'clusterrole', operatorName, '--type=json', '-p', JSON.stringify(patch));
    const may = () =>
      cluster.kubectl('auth', 'can-i', 'patch', 'services', '-n', namespace, `--as=${operatorUser}`).then(
        () => true,
        () => false,
      );
    await eventually('the right to be gone', async () => !(await may()));
    await applyPipeline(cluster.client, draftIn(namespace));
    const message = await untilCondition(cluster.client, namespace, 'Reconciling', 'True Forbidden');
    assert.match(message, /services "orders-calculator" is forbidden: User .* cannot patch/);
    await cluster.kubectl('apply', '-k', 'manifests/operator');
    await eventually(
      'the Service',
      async () => (await cluster.client.find(services, { namespace, name: calculator })) !== undefined,
    );
    await operator.whenIdle();
  });

  test('crashes: the operator waits, and does nothing twice', async () => {
    const { namespace, operator, client } = await settled();
    await using _ = operator;
    await cluster.server.restart();
    await eventually('the API server to answer', () => client.list(pipelines).then(() => true, String));
    await applyPipeline(
      client,
      draftIn(namespace, (draft) => {
        Object.assign(draft.spec, { calculator: { replicas: 2 } });
      }),
    );
    await eventually(
      'the new number of replicas',
      async () => (await client.get(deployments, { namespace, name: calculator })).spec?.replicas === 2,
      60_000,
    );
    await operator.whenIdle();
    assert.deepEqual(
      operator.writes.filter((write) => !write.includes('SumPipeline/status')),
      [`patch Deployment/scale ${namespace}/${calculator}`],
    );
  });
});
