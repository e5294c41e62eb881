import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { findProductionPackages, shippedSources } from './contents.ts';
import { buildImage, listShippedSources } from './image.ts';

/** Tests of the image. They read and write some 500 MB and start Node: too much for a unit test. */

const root = join(import.meta.dirname, '..', '..');

/** Copies the files that go into the image, so that a test may change them. */
async function copyRepository(dir: string): Promise<string> {
  const copy = join(dir, 'repository');
  mkdirSync(copy);
  for (const path of [...shippedSources, 'package-lock.json'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

test('the same files give the same image, a changed source gives one new layer, and Node runs from the image', async () => {
  await using folder = await createTemporaryFolder();
  const copy = await copyRepository(folder.path);
  const built: string[] = [];
  const stream = {
    write: (text: string) => built.push(...[...text.matchAll(/Build (\S+)/g)].map(([, name]) => name ?? '')),
  };
  const build = async (cache: string) => {
    built.length = 0;
    return await buildImage({
      root: copy,
      cacheRoot: join(folder.path, cache),
      progress: createProgress({ stream, quietMs: 1e9 }),
    });
  };

  const first = await build('one');
  assert.deepEqual(built, ['layer-base', 'layer-packages', 'layer-source', 'image-sumpipeline']);
  assert.deepEqual(await build('one'), first);
  assert.deepEqual(built, [], 'a second build finds everything');
  const elsewhere = await build('two');
  assert.equal(elsewhere.digest, first.digest, 'another cache, the same image');
  const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  assert.equal(sha256(elsewhere.tarPath), sha256(first.tarPath));

  writeFileSync(join(copy, 'core', 'added.ts'), '// more\n');
  writeFileSync(join(copy, 'core', 'added.test.ts'), '// not shipped\n');
  const changed = await build('one');
  assert.deepEqual(built, ['layer-source', 'image-sumpipeline']);
  assert.notEqual(changed.digest, first.digest);
  assert.match(changed.ref, /^localhost\/sumpipeline:[0-9a-f]{12}$/);

  const unpacked = join(folder.path, 'unpacked');
  unpack(changed.tarPath, unpacked);
  const files = execFileSync('find', ['.', '-type', 'f'], { cwd: join(unpacked, 'app'), encoding: 'utf8' })
    .trim()
    .split('\n');
  const sources = files.map((file) => file.slice(2)).filter((file) => !file.startsWith('node_modules/'));
  assert.deepEqual(sources.sort(), await listShippedSources(copy));
  assert.ok(sources.includes('core/added.ts') && !sources.includes('core/added.test.ts'));
  for (const path of findProductionPackages(readFileSync(join(root, 'package-lock.json'), 'utf8')).keys()) {
    assert.ok(files.includes(`./${path}/package.json`), path);
  }
  const program = ['/usr/bin/node', '--print', 'process.version'];
  assert.equal(execFileSync('chroot', [unpacked, ...program], { encoding: 'utf8' }), `${process.version}\n`);
});

/** Lays the image's layers over each other, lowest first. */
function unpack(archive: string, target: string): void {
  mkdirSync(target);
  const read = (path: string) => execFileSync('tar', ['-xOf', archive, path], { maxBuffer: 1 << 20 });
  const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const index = JSON.parse(read('index.json').toString());
  const manifest = JSON.parse(read(blob(index.manifests[0].digest)).toString());
  for (const { digest } of manifest.layers) {
    execFileSync('sh', ['-c', `tar -xOf "$0" "$1" | tar -xp -C "$2"`, archive, blob(digest), target]);
  }
}
