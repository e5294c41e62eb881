import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLeftOut } from './lockFile.mjs';
import { repository } from './nodeModules.mjs';

test('package-lock.json names every optional package, otherwise npm ci refuses it (node lab/bootstrap/lockFile.mjs adds them)', () => {
  const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
  assert.deepEqual(Object.keys(findLeftOut(packages)), []);
});

test('package-lock.json names no registry', () => {
  assert.doesNotMatch(readFileSync(join(repository, 'package-lock.json'), 'utf8'), /"resolved"/);
});

test('a package that npm left out is added with the platform in its name', () => {
  const packages = {
    'node_modules/tool': {
      version: '2.0.0',
      dev: true,
      optionalDependencies: { '@x/cli-linux-x64-musl': '2.0.0', '@x/cli-linux-x64': '2.0.0' },
    },
    'node_modules/@x/cli-linux-x64': { version: '2.0.0' },
    'node_modules/other': {
      version: '1.0.0',
      optionalDependencies: { 'other-linux-aarch64': '1.0.0', inner: '1.0.0' },
    },
    'node_modules/other/node_modules/inner': { version: '1.0.0' },
  };
  assert.deepEqual(findLeftOut(packages), {
    'node_modules/@x/cli-linux-x64-musl': {
      version: '2.0.0',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
      dev: true,
      optional: true,
    },
    'node_modules/other-linux-aarch64': { version: '1.0.0', os: ['linux'], cpu: ['arm64'], optional: true },
  });
});

test('a name without a platform is an error', () => {
  const packages = { 'node_modules/tool': { optionalDependencies: { fsevents: '2.3.2' } } };
  assert.throws(() => findLeftOut(packages), /fsevents is not in package-lock.json/);
});
