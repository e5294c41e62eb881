import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClusterCertificates } from './certificates.ts';
import { nodePath } from './layout.ts';
import { buildNodeConfig } from './nodeConfig.ts';
import * as programs from './programs.ts';

test('every file that a flag of a node program names is written before the start', async () => {
  const files = { ...buildNodeConfig(), ...(await createClusterCertificates()).files };
  const texts = [...Object.values(programs).flatMap(({ command }) => command), ...Object.values(buildNodeConfig())];
  const mentioned = new Set(texts.flatMap((text) => text.match(/\/var\/lib\/node\/[\w./-]+/g) ?? []));
  assert.ok(mentioned.size > 20, [...mentioned].join('\n'));
  for (const path of mentioned) {
    const name = path.slice(nodePath.etc.length + 1);
    const isThere =
      name in files || name.startsWith('bin/') || Object.keys(files).some((file) => file.startsWith(`${name}/`));
    assert.ok(isThere, `no code writes ${path}`);
  }
});

test('no two programs of the node have the same name or health page', () => {
  const all: programs.NodeProgram[] = Object.values(programs);
  for (const values of [all.map(({ name }) => name), all.flatMap(({ healthUrl }) => healthUrl ?? [])]) {
    assert.equal(new Set(values).size, values.length, values.join(', '));
  }
});
