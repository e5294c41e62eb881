import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { loadScenarioNames } from '#k6/load/scenarios.ts';
import { shippedSources } from '#lab/image/contents.ts';

/** Checks of the Tiltfile that need no Tilt. `npm run tilt` lets Tilt read it, and runs it. */

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const parts = readdirSync(join(root, 'tilt'))
  .filter((name) => name.endsWith('.tilt'))
  .map((name) => `tilt/${name}`);
const files = ['Tiltfile', ...parts];

/** Finds the strings of a file, without comments and without the docstring of a function. */
function stringsOf(path: string): string[] {
  const code = read(path)
    .replaceAll(/"""[\s\S]*?"""/g, '')
    .replaceAll(/^\s*#.*$/gm, '');
  return [...code.matchAll(/'([^'\n]*)'|"([^"\n]*)"/g)].map(([, single, double]) => single ?? double ?? '');
}

function loadsOf(path: string): string[] {
  return [...read(path).matchAll(/^load\('([^']+)'/gm)].map(([, target = '']) => join(dirname(path), target));
}

/** Patterns of strings that look like a path but are not a path of this repository. */
const elsewhere = [
  /^https?:\/\//,
  /^\//, // in a container, or of a page
  /^localhost\//, // an image
  /^[a-z.]+\.(?:io|dev)\/\w+$/, // a version of an API, or a label
  /^\*\*\//, // a pattern
  /^sumpipeline\/\w+$/, // for kubectl: kind and name
];

test('no file loads an extension of Tilt', () => {
  for (const file of files) assert.ok(!read(file).includes('ext://'), file);
});

test('every file that is loaded exists, and every file of tilt/ is loaded', () => {
  const loaded = files.flatMap(loadsOf);
  assert.ok(loaded.length > parts.length, `only ${loaded.length} loads were found: the pattern is wrong`);
  assert.deepEqual([...new Set(loaded)].sort(), parts.toSorted());
});

describe('every path that is named exists', () => {
  for (const file of files) {
    test(file, () => {
      const paths = stringsOf(file).filter(
        (text) => text.includes('/') && !text.includes(' ') && !text.startsWith('./'),
      );
      const ours = paths.filter((path) => !elsewhere.some((pattern) => pattern.test(path)));
      assert.deepEqual(
        ours.filter((path) => !existsSync(join(root, path))),
        [],
      );
    });
  }

  test('at least one path is named', () => {
    const named = files.flatMap(stringsOf);
    for (const path of ['manifests/operator', 'manifests/dev', 'manifests/prometheus-adapter/values.yaml']) {
      assert.ok(named.includes(path), path);
    }
  });
});

test('the image is built again when one of its files changes', () => {
  const [, list = ''] = /^SOURCES = \[(.+)\]$/m.exec(read('tilt/image.tilt')) ?? [];
  assert.deepEqual(list.replaceAll("'", '').split(', ').sort(), [...shippedSources].sort());
});

test('Tilt replaces the image that manifests/operator names', () => {
  const [image] = parse(read('manifests/operator/kustomization.yaml')).images;
  assert.ok(read('tilt/operator.tilt').includes(`RELEASED_IMAGE = '${image.newName}:${image.newTag}'`));
});

test('the Dockerfile of Tilt holds the same files and packages as the Dockerfile, and runs the same program', () => {
  const [released, live] = [read('Dockerfile'), read('tilt/Dockerfile')];
  const copied = [...live.matchAll(/^COPY --chown=65532:65532 (.*) (\S+)$/gm)].flatMap(([, sources = '', target]) => {
    const names = sources.split(' ');
    for (const name of names) assert.equal(target, names.length > 1 ? '/app/' : `/app/${name}`);
    return names;
  });
  assert.deepEqual(copied.sort(), [...shippedSources].sort());
  const base = /^FROM (node:\S+)/m;
  assert.equal(base.exec(live)?.[1], base.exec(released)?.[1]);
  for (const line of ['npm ci --omit=dev --omit=optional', 'ENV NODE_ENV=production', 'USER 65532:65532']) {
    assert.ok(live.includes(line) && released.includes(line), line);
  }
  const entrypoint = (text: string) => /^ENTRYPOINT \["[^"]*node", (.*)\]$/m.exec(text)?.[1];
  assert.ok(entrypoint(released));
  assert.equal(entrypoint(live), entrypoint(released));
});

test('the buttons play load tests that exist', () => {
  const [, list = ''] = /^SCENARIOS = \[(.+)\]$/m.exec(read('tilt/buttons.tilt')) ?? [];
  const known: readonly string[] = loadScenarioNames;
  assert.deepEqual(
    list
      .replaceAll("'", '')
      .split(', ')
      .filter((name) => !known.includes(name)),
    [],
  );
});

test('the links to Grafana open dashboards that are installed', () => {
  const linked = [...read('tilt/monitoring.tilt').matchAll(/'\/d\/([\w-]+)'/g)].map(([, uid]) => uid);
  const folder = 'manifests/grafana';
  const installed = readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(read(`${folder}/${name}`)).uid);
  assert.deepEqual(linked.sort(), installed.sort());
});
