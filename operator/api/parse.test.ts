import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildSchema } from './crd.ts';
import { parsePipeline, parsePipelineStrictly } from './parse.ts';
import { formatProblems } from './problem.ts';
import type { StructuralSchema } from './structural.ts';
import { pathsOf, usedPathsOf } from './testing/bounds.ts';
import { allowedChanges, refusals, refusedChanges } from './testing/refusals.ts';
import { changed, fullDraft, kedaDraft, minimalDraft, scaledDraft, strimziDraft } from './testing/samples.ts';

describe('offline, a resource is refused with the message of the API server or a better one', () => {
  for (const { name, from = minimalDraft, set, path, server, offline } of refusals) {
    test(name, () => {
      const parsed = parsePipelineStrictly(changed(from(), set));
      assert.ok(!parsed.ok);
      const words = offline ?? server.replace(/^(Invalid value|Forbidden|Required value): /, '');
      assert.ok(
        parsed.problems.some((problem) => problem.path === path && problem.message === words),
        `wanted: ${path}: ${words}\n   got: ${formatProblems(parsed.problems)}`,
      );
    });
  }
});

describe('offline, an allowed change is valid by itself', () => {
  for (const { name, from = minimalDraft, set } of allowedChanges) {
    test(name, () => assert.equal(parsePipelineStrictly(changed(from(), set)).ok, true));
  }
});

test('defaults are filled in', () => {
  const parsed = parsePipeline(minimalDraft());
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value.spec, {
    kafka: { bootstrapServers: ['kafka-1:9096'], topic: { management: 'Managed', partitions: 3 } },
    store: { postgres: { secretRef: { name: 'orders-db', uriKey: 'uri' } } },
    calculator: {},
    aggregator: {},
    monitoring: { enabled: false },
    deletionPolicy: 'Retain',
  });
});

test('a resource from a file gets the given namespace, and is refused without a namespace', () => {
  const { namespace: _, ...metadata } = minimalDraft().metadata;
  const draft = { ...minimalDraft(), metadata };
  const parsed = parsePipeline(draft, { namespace: 'team' });
  assert.ok(parsed.ok);
  assert.equal(parsed.value.metadata.namespace, 'team');
  const without = parsePipeline(draft);
  assert.ok(!without.ok);
  assert.equal(formatProblems(without.problems), 'metadata.namespace: is missing: name a namespace');
});

test('an unknown field is dropped if the server sends it, and a problem if a user wrote it', () => {
  const typo = changed(minimalDraft(), { 'kafka.topik': {} });
  const lenient = parsePipeline(typo);
  assert.ok(lenient.ok);
  assert.equal('topik' in lenient.value.spec.kafka, false);
  const strict = parsePipelineStrictly(typo);
  assert.ok(!strict.ok);
  assert.equal(
    formatProblems(strict.problems),
    'spec.kafka.topik: is not a field of SumPipeline; allowed here: cluster, bootstrapServers, tls, auth, topic',
  );
});

for (const [what, value] of [
  ['nothing', undefined],
  ['null', null],
  ['a number', 3],
  ['a list', []],
  ['another kind', { ...minimalDraft(), kind: 'Deployment' }],
  ['another version', { ...minimalDraft(), apiVersion: 'sumpipeline.dev/v2' }],
] as const) {
  test(`${what} is a problem, not an exception`, () => assert.equal(parsePipelineStrictly(value).ok, false));
}

test('every rule of the schema is broken by a case of the table', () => {
  const rules = rulesOf(buildSchema());
  const told = [...refusals, ...refusedChanges];
  const untold = rules.filter(({ message, path }) => {
    const isHere = (at: string) => at.replace(/\[\d+\]/g, '[]').startsWith(path);
    return !told.some((refusal) => refusal.server.includes(message) && isHere(refusal.path));
  });
  // Affinity and spreading use one schema of label selectors in many places. One place is tested for all.
  assert.deepEqual(
    untold.map(({ path }) => path).filter((path) => !/abelSelector\.|amespaceSelector\./.test(path)),
    [],
  );
  assert.ok(rules.length > 30);
});

test('the samples together use every field', () => {
  const schema = buildSchema().properties?.['spec'] ?? {};
  const named = changed(minimalDraft(), { serviceAccount: { name: 'mine' } });
  const used = new Set(
    [fullDraft(), strimziDraft(), scaledDraft(), kedaDraft(), named].flatMap(({ spec }) =>
      usedPathsOf(schema, spec, 'spec'),
    ),
  );
  assert.deepEqual(
    pathsOf(schema, 'spec').filter((path) => !used.has(path)),
    [],
  );
});

test('every field has a description that is a sentence', () => {
  const poor: string[] = [];
  visit(buildSchema(), '', (node, path) => {
    const isOurs = !/\.(\*|\[\])$/.test(path) && !path.startsWith('.metadata') && path !== '';
    if (isOurs && !/^\S.*[.]$/.test(node.description ?? '')) poor.push(`${path}: ${node.description}`);
  });
  assert.deepEqual(poor, []);
});

test('every text, list and map has a bound: without one the cost of a rule cannot be estimated', () => {
  const unbounded: string[] = [];
  visit(buildSchema(), '', (node, path) => {
    const isText = node.type === 'string' && node.enum === undefined && node.maxLength === undefined;
    const isList = node.type === 'array' && node.maxItems === undefined;
    const isMap = node.additionalProperties !== undefined && node.maxProperties === undefined;
    if (isText || isList || isMap) unbounded.push(path);
  });
  assert.deepEqual(unbounded, ['.apiVersion', '.kind', '.metadata.name'], 'those are bounded by the API server');
});

function rulesOf(schema: StructuralSchema): { path: string; message: string }[] {
  const rules: { path: string; message: string }[] = [];
  visit(schema, '', (node, path) => {
    for (const { message } of node['x-kubernetes-validations'] ?? []) {
      rules.push({ path: path.replace(/^\./, '').replaceAll('.[]', '[]'), message });
    }
  });
  return rules;
}

function visit(node: StructuralSchema, path: string, look: (node: StructuralSchema, path: string) => void): void {
  look(node, path);
  for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`, look);
  if (node.items !== undefined) visit(node.items, `${path}.[]`, look);
  if (node.additionalProperties !== undefined) visit(node.additionalProperties, `${path}.*`, look);
}
