import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KubeClient } from '#kube/client/client.ts';
import { errorFromStatus } from '#kube/client/errors.ts';
import type { HttpRequest, Transport } from '#kube/client/transport.ts';
import type { Child } from '#operator/desired/child.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { minimalExample, strimziExample } from '#operator/desired/testing/examples.ts';
import type { LiveConfigMap } from '#operator/observe/objects.ts';
import { metadata } from '#operator/observe/testing/samples.ts';
import type { Action } from '#operator/plan/action.ts';
import { applyModel } from '#operator/plan/testing/applyModel.ts';
import { silentLogger } from '#platform/log.ts';
import { execute } from './execute.ts';

const topic = { kind: 'KafkaTopic', namespace: 'kafka', name: 'shop.orders' };
const minimal = childrenOf(minimalExample());
const strimzi = childrenOf(strimziExample());

function childrenOf({ pipeline, facts }: ReturnType<typeof minimalExample>): Child[] {
  return buildChildren(pipeline, facts);
}

/** An API server without objects. It refuses the requests that match `refuse`, written as `verb kind name`. */
function server(options: { refuse?: RegExp; existing?: (request: HttpRequest) => object | undefined } = {}) {
  const sent: string[] = [];
  const transport: Transport = {
    async request(request) {
      const { verb, kind, name } = request.context;
      const what = `${verb} ${kind} ${name}`;
      const answer = (status: number) => errorFromStatus({ status, body: {}, request: request.context });
      if (request.method === 'GET') {
        const body = options.existing?.(request);
        if (body === undefined) throw answer(404);
        return { status: 200, body };
      }
      sent.push(what);
      if (options.refuse?.test(what) === true) throw answer(409);
      const desired = typeof request.body === 'string' ? JSON.parse(request.body) : {};
      const named = { ...desired, metadata: { name, namespace: request.context.namespace, ...desired.metadata } };
      return { status: verb === 'apply' ? 201 : 200, body: { ...applyModel(named), kind } };
    },
    // biome-ignore lint/correctness/useYield: nothing is streamed here
    async *stream() {
      throw new Error('nothing is watched here');
    },
    async close() {},
  };
  return { sent, client: new KubeClient(transport) };
}

async function run(actions: readonly Action[], given: ReturnType<typeof server>) {
  const done = await execute(actions, {
    client: given.client,
    owner: { ref: { namespace: 'shop', name: 'orders' }, uid: 'u1', inventory: [topic] },
    settled: new Map(),
    logger: silentLogger,
    onWrite() {},
  });
  return { ...done, sent: given.sent, reasons: done.failures.map(({ reason }) => reason) };
}

const create = (children: readonly Child[]): Action[] => children.map((child) => ({ type: 'create', child }));
const kindsOf = (sent: readonly string[]) => [...new Set(sent.map((what) => what.split(' ')[1]))];

describe('a failure blocks the actions that depend on it', () => {
  test('without the inventory nothing is created', async () => {
    const actions: Action[] = [{ type: 'record', entries: [topic] }, ...create(strimzi)];
    const { sent, reasons } = await run(actions, server({ refuse: /SumPipeline/ }));
    assert.deepEqual(sent, ['apply SumPipeline orders']);
    assert.deepEqual(reasons, ['Conflict']);
  });

  test('without its ServiceAccount a Deployment is neither created nor scaled', async () => {
    const scale: Action = { type: 'scale', namespace: 'shop', name: 'orders-calculator', from: 1, to: 3 };
    const { sent } = await run([...create(minimal), scale], server({ refuse: /Role orders/ }));
    assert.ok(kindsOf(sent).includes('Service'));
    assert.ok(!kindsOf(sent).includes('Deployment'), sent.join('\n'));
  });

  test('a topic that fails blocks nothing else', async () => {
    const { sent, reasons } = await run(create(strimzi), server({ refuse: /KafkaTopic/ }));
    assert.ok(kindsOf(sent).includes('Deployment'));
    assert.deepEqual(reasons, ['Conflict']);
  });

  test('what could not be released stays in the inventory', async () => {
    const live = applyModel({
      apiVersion: 'kafka.strimzi.io/v1',
      kind: 'KafkaTopic',
      metadata: { ...topic, labels: { 'sumpipeline.dev/namespace': 'shop', 'sumpipeline.dev/name': 'orders' } },
    });
    const given = server({ refuse: /delete KafkaTopic/, existing: () => live });
    const { sent, reasons } = await run(
      [
        { type: 'retain', entry: topic },
        { type: 'record', entries: [] },
      ],
      given,
    );
    assert.ok(!sent.includes('apply SumPipeline orders'), sent.join('\n'));
    assert.deepEqual(reasons, ['Conflict']);
    assert.equal(sent.filter((what) => what.startsWith('delete')).length, 10, 'bounded');
  });
});

test('one event lists what was created', async () => {
  const { events } = await run(create(minimal), server());
  assert.deepEqual(
    events.map(({ reason }) => reason),
    ['Created'],
  );
  assert.match(
    events[0]?.note ?? '',
    /created ServiceAccount shop\/orders-calculator, .*Deployment shop\/orders-aggregator/,
  );
});

test('the verdict of a pod that the API server knows is not dropped, although the cache did not have it', async () => {
  const proof: LiveConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('orders-proof') };
  const patches: unknown[] = [];
  const given = server({
    existing: ({ context }) =>
      context.name === 'new' ? applyModel({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'new' } }) : undefined,
  });
  const client = given.client;
  const mergePatch = client.mergePatch.bind(client);
  client.mergePatch = (resource, name, patch, options) => {
    patches.push(patch);
    return mergePatch(resource, name, patch, options);
  };
  await run([{ type: 'dropVerdicts', proof, pods: ['gone', 'new'] }], given);
  assert.deepEqual(patches, [{ data: { gone: null } }]);
  await run([{ type: 'dropVerdicts', proof, pods: ['new'] }], given);
  assert.equal(patches.length, 1, 'nothing to drop, nothing written');
});
