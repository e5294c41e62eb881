import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { apiGroup, apiVersion, kind } from '#contract/names.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import type { Transport } from '#kube/client/transport.ts';
import { connectTo } from '#kube/testing/connect.ts';
import { namespaces } from '#kube/testing/kinds.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { eventually } from '#test/support/condition.ts';
import { buildCrd, buildSchema, crdName, plural } from './crd.ts';
import { parsePipelineStrictly } from './parse.ts';
import { pathsOf, violationsOf } from './testing/bounds.ts';
import { allowedChanges, refusals, refusedChanges } from './testing/refusals.ts';
import {
  changed,
  type Draft,
  fullDraft,
  kedaDraft,
  minimalDraft,
  scaledDraft,
  setAt,
  strimziDraft,
} from './testing/samples.ts';

const pipelines: Resource<KubeObject & { spec?: unknown }> = {
  group: apiGroup,
  version: apiVersion.slice(apiGroup.length + 1),
  kind,
  plural,
  namespaced: true,
};
const crds: Resource<KubeObject & { status?: { conditions?: { type: string; status: string; message?: string }[] } }> =
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  };

const run = promisify(execFile);
let server: ApiServer;
let client: KubeClient;
let transport: Transport;
const asPerson = { fieldManager: 'person', force: true };

before(async () => {
  server = await startApiServer();
  ({ client, transport } = connectTo(server.kubeconfigPath));
  await client.apply(crds, buildCrd(), asPerson);
  await eventually('the CRD to be served', async () => {
    const { status } = await client.get(crds, { name: crdName });
    return status?.conditions?.find(({ type }) => type === 'Established')?.status === 'True' || status;
  });
  await client.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, asPerson);
  // Condition Established becomes true a moment before the API server serves the kind.
  await eventually('the API server to take a pipeline', () =>
    refusalOf(dryRun(minimalDraft())).then((no) => no ?? true),
  );
});
after(async () => {
  await transport.close();
  await server.stop();
});

/** Sends the same request as `kubectl create --dry-run=server --validate=strict`. */
function dryRun(object: Draft) {
  return client.create(pipelines, object, { ...asPerson, dryRun: true });
}

async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isKubernetesError(error)) return error.serverMessage;
    throw error;
  }
}

test('the API server accepts the schema without a warning', async () => {
  const { status } = await client.get(crds, { name: crdName });
  assert.deepEqual(
    status?.conditions?.filter(({ type }) => type === 'NonStructuralSchema'),
    [],
  );
});

describe('a resource is refused with a message that names the field and what to do', () => {
  for (const { name, from = minimalDraft, set, path, server: words } of refusals) {
    test(name, async () => {
      const message = await refusalOf(dryRun(changed(from(), set)));
      assert.ok(message?.includes(`${path}: ${words}`), `wanted: ${path}: ${words}\n   got: ${message}`);
    });
  }
});

describe('the API server checks every bound of every field, and so does the offline check', () => {
  const spec = buildSchema().properties?.['spec'] ?? {};
  const seen = new Set<string>();
  for (const draft of [fullDraft(), strimziDraft(), scaledDraft(), kedaDraft()]) {
    for (const { steps, path, bound, value, server: words } of violationsOf(spec, draft.spec, ['spec'])) {
      // The podTemplate of the aggregators has the same schema as the podTemplate of the calculators.
      if (path.startsWith('spec.aggregator.podTemplate') || seen.has(`${bound} of ${path}`)) continue;
      seen.add(`${bound} of ${path}`);
      test(`${bound} of ${path}`, async () => {
        const wrong = structuredClone(draft);
        setAt(wrong, steps, value);
        const message = await refusalOf(dryRun(wrong));
        assert.ok(message?.includes(`${path}: ${words}`), `wanted: ${path}: ${words}\n   got: ${message}`);
        const offline = parsePipelineStrictly(wrong);
        assert.ok(
          !offline.ok && offline.problems.some((problem) => problem.path === path),
          'offline: no problem there',
        );
      });
    }
  }
});

describe('a change', () => {
  const apply = async (object: Draft, isDryRun: boolean) =>
    (await client.apply(pipelines, object, { ...asPerson, dryRun: isDryRun })).object;
  const existing = async (draft: Draft, name: string) => {
    draft.metadata.name = name;
    await apply(draft, false);
    return draft;
  };

  for (const [index, { name, from = minimalDraft, set, path, server: words }] of refusedChanges.entries()) {
    test(`is refused: ${name}`, async () => {
      const before = await existing(from(), `refused-${index}`);
      const message = await refusalOf(apply(changed(before, set), true));
      assert.ok(message?.includes(`${path}: ${words}`), `wanted: ${path}: ${words}\n   got: ${message}`);
    });
  }
  for (const [index, { name, from = minimalDraft, set }] of allowedChanges.entries()) {
    test(`is allowed: ${name}`, async () => {
      const before = await existing(from(), `allowed-${index}`);
      const after = changed(before, set);
      const stored = await apply(after, false);
      const parsed = parsePipelineStrictly(after);
      assert.ok(parsed.ok);
      assert.deepEqual(stored.spec, parsed.value.spec, 'what the server stores is what we parse offline');
    });
  }
});

test('defaults are the same on the server and offline', async () => {
  for (const draft of [minimalDraft(), strimziDraft(), fullDraft(), scaledDraft(), kedaDraft()]) {
    const stored = await dryRun(draft);
    const parsed = parsePipelineStrictly(draft);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.spec, stored.spec);
  }
});

test('a field that does not exist is refused by its path, on the server and offline', async () => {
  const typo = changed(fullDraft(), { 'kafka.topic.partition': 3, 'calculator.podTemplate.env': [] });
  const message = await refusalOf(dryRun(typo));
  const offline = parsePipelineStrictly(typo);
  assert.ok(!offline.ok);
  for (const path of ['spec.kafka.topic.partition', 'spec.calculator.podTemplate.env']) {
    assert.ok(message?.includes(`unknown field "${path}"`), `got: ${message}`);
    assert.ok(offline.problems.some((problem) => problem.path === path));
  }
});

test('kubectl explain describes every field', async () => {
  const nodes = pathsOf(buildSchema(), 'sumpipelines').filter(
    (path) => !/\*$|\.(apiVersion|kind|metadata)\b/.test(path),
  );
  const objects = [...new Set(nodes.map((path) => path.replace(/\.[^.]*$/, '').replaceAll('[]', '')))];
  const undescribed: string[] = [];
  for (const path of objects) {
    const { stdout } = await run(server.kubectlPath, ['--kubeconfig', server.kubeconfigPath, 'explain', path]);
    if (/<no description>|<empty>/.test(stdout.replace(/ {2}(apiVersion|kind|metadata)\t.*\n.*/g, '')))
      undescribed.push(path);
  }
  assert.deepEqual(undescribed, []);
  assert.ok(objects.length > 50, `${objects.length} objects`);
});

test('kubectl get shows the columns that users need', async () => {
  await client.apply(pipelines, { ...minimalDraft(), metadata: { name: 'columns', namespace: 'shop' } }, asPerson);
  const condition = (type: string, reason: string) => ({
    type,
    status: 'True',
    reason,
    message: `about ${type}`,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  const status = {
    observedGeneration: 1,
    conditions: [condition('Ready', 'AllReady'), condition('TotalExact', 'Proven')],
    calculator: { replicas: '2/2', endpoints: { http: 'http://a:8080', grpc: 'a:9090' } },
    aggregator: { replicas: '3/3' },
    image: 'sumpipeline:1',
    bootstrap: 'kafka-1:9096',
    topic: 'shop.columns',
  };
  const object = { apiVersion, kind, metadata: { name: 'columns', namespace: 'shop' }, status };
  await client.applyStatus(pipelines, object, { ...asPerson, fieldManager: 'operator' });
  const get = async (...options: string[]) => {
    const args = ['--kubeconfig', server.kubeconfigPath, '-n', 'shop', 'get', 'sump', 'columns', ...options];
    const { stdout } = await run(server.kubectlPath, args);
    return stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
  };
  const [head, row] = await get();
  assert.deepEqual(head, ['NAME', 'READY', 'REASON', 'CALCULATORS', 'AGGREGATORS', 'EXACT', 'AGE']);
  assert.deepEqual(row?.slice(0, -1), ['columns', 'True', 'AllReady', '2/2', '3/3', 'True']);
  const [wideHead, wideRow] = await get('-o', 'wide');
  assert.deepEqual(wideHead?.slice(7), ['IMAGE', 'BOOTSTRAP', 'TOPIC', 'MESSAGE']);
  assert.deepEqual(wideRow?.slice(7), ['sumpipeline:1', 'kafka-1:9096', 'shop.columns', 'about Ready']);
});

test('ratcheting: a value that an older CRD allowed may stay while other fields change', async () => {
  const withRules = buildCrd();
  const served = async (isRefused: boolean) => {
    const refusal = await refusalOf(dryRun(changed(minimalDraft(), { 'kafka.topic.config': { 'retention.ms': '1' } })));
    return (refusal !== undefined) === isRefused || refusal;
  };
  await client.apply(crds, withoutRules(withRules), asPerson);
  await eventually('the API server to forget the rules', () => served(false));
  const old = changed(fullDraft(), { 'kafka.topic.config': { 'retention.ms': '1' }, '/metadata.name': 'ratcheted' });
  await client.apply(pipelines, old, asPerson);
  await client.apply(crds, withRules, asPerson);
  await eventually('the API server to know the rules', () => served(true));

  await client.apply(pipelines, changed(old, { 'calculator.replicas': 5 }), asPerson);
  const worse = changed(old, { 'kafka.topic.config': { 'retention.ms': '2' } });
  assert.match(
    (await refusalOf(client.apply(pipelines, worse, asPerson))) ?? '',
    /spec.kafka.topic.config: Invalid value/,
  );
});

/** Returns the CRD without its CEL rules, like a CRD of a version before the rules. */
function withoutRules(crd: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(crd, (key, value) => (key === 'x-kubernetes-validations' ? undefined : value)));
}
