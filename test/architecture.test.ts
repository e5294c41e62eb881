import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

test('every path that ARCHITECTURE.md names exists', () => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const named = [...text.matchAll(/`([\w.-]+\/[\w./-]*|[\w-]+\.(?:ts|mjs|md))`/g)].map((match) => match[1] ?? '');
  assert.ok(named.length > 20, `only ${named.length} paths were found: the pattern is wrong`);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(root, path))),
    [],
  );
});
