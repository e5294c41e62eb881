import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Entry files of the product. */
const programs = ['sumpipeline.ts', 'cli/sumctl.ts', 'operator/main.ts', 'audit/main.ts'];

/** The files and packages that are loaded. Files are relative to the repository. */
interface Graph {
  readonly files: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

/** Follows the imports from a file. With `isEager` follows only those at load time, otherwise dynamic imports too. */
function followImports(start: string, { isEager }: { isEager: boolean }): Graph {
  const files = new Set<string>();
  const packages = new Set<string>();
  const left = [start];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const { eager, lazy } = readImports(file);
    for (const source of isEager ? eager : [...eager, ...lazy]) {
      const target = resolve(file, source);
      if (target === undefined) packages.add(source);
      else left.push(target);
    }
  }
  return { files, packages };
}

function readImports(file: string): { eager: string[]; lazy: string[] } {
  const text = readFileSync(join(root, file), 'utf8');
  // Type-only imports do not exist at run time, so they are skipped.
  const code = file.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
  const eager = /^(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
  const lazy = /\bimport\(\s*['"]([^'"]+)['"]/g;
  const calls = code.match(/\bimport\(/g) ?? [];
  const found = { eager: sourcesOf(code, eager), lazy: sourcesOf(code, lazy) };
  assert.equal(found.lazy.length, calls.length, `${file} imports a path that is only known at run time`);
  return found;
}

function sourcesOf(code: string, pattern: RegExp): string[] {
  return [...code.matchAll(pattern)].map(([, source = '']) => source);
}

function resolve(file: string, source: string): string | undefined {
  if (source.startsWith('#')) return source.slice(1);
  if (source.startsWith('.')) return relative(root, join(root, dirname(file), source));
  return undefined;
}

/** Returns the first part of each path. */
function foldersOf({ files }: Graph): string[] {
  return [...new Set([...files].map((file) => file.split('/')[0] ?? file))].sort();
}

describe('what the programs load', () => {
  for (const program of ['services/calculator/main.ts', 'services/aggregator/main.ts']) {
    test(`${program} never reaches a Kubernetes client, the operator, sumctl, lab/ or tools/, not even lazily`, () => {
      const graph = followImports(program, { isEager: false });
      assert.deepEqual(foldersOf(graph), ['contract', 'core', 'platform', 'services']);
      assert.ok(graph.packages.has('fastify'), `the graph ends early: ${[...graph.packages].join(', ')}`);
      assert.deepEqual(
        [...graph.packages].filter((name) => name.startsWith('@kubernetes/')),
        [],
      );
    });
  }

  test('the audit shares no code with what it checks: only the environment of contract/, and neither core/ nor services/', () => {
    const { files } = followImports('audit/main.ts', { isEager: false });
    const shared = [...files].filter((file) => !file.startsWith('audit/')).sort();
    assert.deepEqual(shared, [
      'contract/config.ts',
      'contract/ports.ts',
      'platform/environment.ts',
      'platform/secretFile.ts',
      'platform/signals.ts',
      'platform/storeUri.ts',
      'platform/time.ts',
    ]);
  });

  test('sumpipeline.ts loads only the requested program', () => {
    assert.deepEqual([...followImports('sumpipeline.ts', { isEager: true }).files], ['sumpipeline.ts']);
    const started = readImports('sumpipeline.ts').lazy.map((source) => source.slice(1));
    assert.ok(started.includes('services/calculator/main.ts') && started.includes('services/aggregator/main.ts'));
  });

  test('the client library of Kubernetes is loaded where a tunnel is opened or OpenID is used, and nowhere before', () => {
    for (const start of ['operator/main.ts', 'cli/connection/kubernetes.ts', 'cli/audit/verifyFromLog.ts']) {
      const graph = followImports(start, { isEager: true });
      assert.ok(graph.files.has('kube/client/transport.ts'), `the graph of ${start} ends early`);
      assert.deepEqual(
        [...graph.packages].filter((name) => name.startsWith('@kubernetes/')),
        [],
      );
    }
    assert.ok(
      followImports('cli/connection/kubernetes.ts', { isEager: false }).packages.has('@kubernetes/client-node'),
    );
  });

  test('a tunnel without a proxy loads one file of the client library, because all of it takes a third of a second', () => {
    const { packages } = followImports('cli/connection/portForward.ts', { isEager: true });
    assert.deepEqual(
      [...packages].filter((name) => name.startsWith('@kubernetes/')),
      ['@kubernetes/client-node/dist/web-socket-handler.js'],
    );
  });

  test('the product never loads lab/ or tools/, not even lazily, because the image does not contain them', () => {
    const folders = new Set(programs.flatMap((program) => foldersOf(followImports(program, { isEager: false }))));
    assert.deepEqual(
      [...folders].filter((folder) => ['lab', 'tools', 'test', 'k6'].includes(folder)),
      [],
    );
    assert.ok(folders.has('kube') && folders.has('services'), `the graph ends early: ${[...folders].join(', ')}`);
  });

  test('every production dependency is loaded by the product, and it loads no other package', () => {
    const loaded = programs.flatMap((program) => [...followImports(program, { isEager: false }).packages]);
    const names = new Set(loaded.filter((name) => !name.startsWith('node:')).map(nameOfPackage));
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.deepEqual([...names].sort(), Object.keys(dependencies).sort());
  });
});

/** Returns the package of an import: `@scope/name` for `@scope/name/file`. */
function nameOfPackage(source: string): string {
  return source
    .split('/')
    .slice(0, source.startsWith('@') ? 2 : 1)
    .join('/');
}
