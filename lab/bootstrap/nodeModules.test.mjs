import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isInstalled, isInstalledByHand, markInstalled, unmarkInstalled } from './nodeModules.mjs';

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sumpipeline-npm-'));
  writeLock({ 'node_modules/a': { integrity: 'sha512-a' } });
});
afterEach(() => rmSync(root, { recursive: true }));

function writeLock(packages) {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

/** Writes the files that npm writes when it is done. */
function writeUnpacked(packages) {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}

test('nothing counts as installed before node_modules exists', () => {
  assert.equal(isInstalled(root), false);
  assert.equal(isInstalledByHand(root), false);
});

test('the marker is valid for one lock file', () => {
  writeUnpacked({});
  assert.equal(isInstalled(root), false);
  markInstalled(root);
  assert.equal(isInstalled(root), true);
  writeLock({ 'node_modules/a': { integrity: 'sha512-newer' } });
  assert.equal(isInstalled(root), false);
});

test('without the marker nothing counts as installed, and removing it twice is no error', () => {
  writeUnpacked({});
  markInstalled(root);
  unmarkInstalled(root);
  unmarkInstalled(root);
  assert.equal(isInstalled(root), false);
});

const otherSystem = { optional: true, os: ['aix'], cpu: ['ppc64'] };
const oursOnly = { optional: true, os: [process.platform], cpu: [process.arch] };

for (const [what, locked, unpacked, isSame] of [
  ['the same packages', { a: { integrity: '1' } }, { a: { integrity: '1' } }, true],
  ['another version', { a: { integrity: '2' } }, { a: { integrity: '1' } }, false],
  ['one package less', { a: { integrity: '1' }, b: { integrity: '1' } }, { a: { integrity: '1' } }, false],
  ['one package more', { a: { integrity: '1' } }, { a: { integrity: '1' }, b: { integrity: '1' } }, false],
  ['no package of another system', { a: { integrity: '1' }, b: otherSystem }, { a: { integrity: '1' } }, true],
  ['no optional package, though for our system', { a: { ...oursOnly, integrity: '1' } }, {}, true],
  ['an old optional package', { a: { ...oursOnly, integrity: '2' } }, { a: { integrity: '1' } }, false],
]) {
  test(`an npm ci by hand that left ${what} ${isSame ? 'counts' : 'does not count'}`, () => {
    const inFolder = (packages) =>
      Object.fromEntries(Object.entries(packages).map(([name, entry]) => [`node_modules/${name}`, entry]));
    writeLock(inFolder(locked));
    writeUnpacked(inFolder(unpacked));
    assert.equal(isInstalledByHand(root), isSame);
  });
}
