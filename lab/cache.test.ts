import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { cachedBuild, cacheRoot, hashInputs, stateRoot } from './cache.ts';
import { silentProgress } from './progress.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cache-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function createCounter() {
  let builds = 0;
  const get = (inputs: string[], build?: (dir: string) => Promise<void>) =>
    cachedBuild({
      name: 'thing',
      inputs,
      root,
      keepEntries: 2,
      progress: silentProgress,
      async build(dir) {
        builds++;
        await build?.(dir);
        writeFileSync(join(dir, 'result'), inputs.join());
      },
    });
  return { get, builds: () => builds };
}

test('the same inputs are built once, other inputs get their own entry', async () => {
  const { get, builds } = createCounter();
  const first = await get(['a']);
  assert.equal(await get(['a']), first);
  const second = await get(['b']);
  assert.notEqual(second, first);
  assert.equal(readFileSync(join(first, 'result'), 'utf8'), 'a');
  assert.equal(readFileSync(join(second, 'result'), 'utf8'), 'b');
  assert.equal(builds(), 2);
});

test('callers at the same time get one build', async () => {
  const { get, builds } = createCounter();
  const entries = await Promise.all(Array.from({ length: 8 }, () => get(['a'])));
  assert.equal(new Set(entries).size, 1);
  assert.equal(builds(), 1);
});

test('a failed build leaves no entry, and the next build starts from an empty folder', async () => {
  const { get } = createCounter();
  const failing = get(['a'], async (dir) => {
    writeFileSync(join(dir, 'half'), '');
    throw new Error('interrupted');
  });
  await assert.rejects(failing, /interrupted/);
  const entry = await get(['a'], async (dir) => assert.deepEqual(readdirSync(dir), []));
  assert.deepEqual(readdirSync(entry), ['result']);
  assert.deepEqual(readdirSync(root).length, 1, 'no partial folder and no log file stay');
});

test('old versions are removed, except a version that was used within the hour', async () => {
  const { get } = createCounter();
  const [oldest, recent] = [await get(['1']), await get(['2'])];
  const other = join(root, 'thing-else');
  mkdirSync(other);
  const longAgo = new Date(Date.now() - 7_200_000);
  for (const path of [oldest, other]) utimesSync(path, longAgo, longAgo);
  await get(['3']);
  assert.ok(!existsSync(oldest));
  for (const path of [recent, other]) assert.ok(existsSync(path));
  await get(['4']);
  assert.ok(existsSync(recent), 'used within the hour, though two newer versions exist');
});

test('moving a byte from one input to the next changes the hash', () => {
  assert.notEqual(hashInputs(['ab', 'c']), hashInputs(['a', 'bc']));
  assert.equal(hashInputs(['ab']), hashInputs([Buffer.from('ab')]));
});

test('the folders depend on the environment, then on root, then on the user', () => {
  assert.equal(cacheRoot({ SUMPIPELINE_CACHE: '/c' }, 0), '/c');
  assert.equal(cacheRoot({}, 0), '/var/cache/sumpipeline');
  assert.equal(cacheRoot({ XDG_CACHE_HOME: '/x' }, 1000), '/x/sumpipeline');
  assert.equal(stateRoot({ SUMPIPELINE_STATE: '/s' }, 0), '/s');
  assert.equal(stateRoot({}, 0), '/var/lib/sumpipeline');
  assert.equal(stateRoot({ XDG_STATE_HOME: '/x' }, 1000), '/x/sumpipeline');
});
