import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildOnceDocument } from '#lab/up/document.ts';
import { failureDocument } from './failure.mjs';
import { repository } from './nodeModules.mjs';
import { programs, requirementsOf } from './programs.mjs';

const local = ['Node', 'npm', 'util-linux', 'Java', 'Maven', 'Go', 'root'];

for (const [command, args, names, needsSystemPackages] of [
  ['up', [], local, true],
  ['up', ['--once', '-o', 'json'], local, true],
  ['up', ['--cluster', 'local'], local, true],
  ['up', ['--cluster', 'current'], ['Node', 'npm', 'util-linux', 'Java', 'Maven'], false],
  ['up', ['--cluster=current'], ['Node', 'npm', 'util-linux', 'Java', 'Maven'], false],
  ['up', ['--help'], ['Node', 'npm', 'util-linux'], false],
  ['down', [], ['Node', 'npm', 'util-linux', 'root'], false],
  ['down', ['--help'], ['Node', 'npm', 'util-linux'], false],
  ['test', ['unit'], ['Node', 'npm', 'util-linux', 'git'], false],
  ['test', ['unit', 'core'], ['Node', 'npm', 'util-linux', 'git'], false],
  ['test', ['lint', 'types'], ['Node', 'npm', 'util-linux', 'git'], false],
  ['test', [], ['Node', 'npm', 'util-linux', 'git', 'Java', 'Maven', 'Java for Strimzi', 'Go', 'root'], true],
  [
    'test',
    ['unit', 'integration'],
    ['Node', 'npm', 'util-linux', 'git', 'Java', 'Maven', 'Java for Strimzi', 'Go', 'root'],
    true,
  ],
  ['cluster', ['start'], ['Node', 'npm', 'util-linux', 'Go', 'root'], true],
  ['cluster', ['build'], ['Node', 'npm', 'util-linux', 'Go', 'root'], true],
  ['cluster', ['stop'], ['Node', 'npm', 'util-linux', 'root'], false],
  ['cluster', ['load', 'image.tar'], ['Node', 'npm', 'util-linux', 'root'], false],
  ['cluster', ['status'], ['Node', 'npm', 'util-linux'], false],
  ['cluster', ['--help'], ['Node', 'npm', 'util-linux'], false],
  ['loop', [], local, true],
  ['loop', ['--help'], ['Node', 'npm', 'util-linux'], false],
  ['tilt', [], [...local, 'g++'], true],
  ['tilt', ['--help'], ['Node', 'npm', 'util-linux'], false],
  ['gen', [], ['Node', 'npm', 'util-linux'], false],
  ['verify', [], ['Node', 'npm', 'util-linux'], false],
]) {
  test(`${[command, ...args].join(' ')} needs ${names.join(', ')}${needsSystemPackages ? ' and the packages of the cluster' : ''}`, () => {
    const requirements = requirementsOf(command, args);
    assert.deepEqual(
      requirements.tools.map(({ name }) => name),
      names,
    );
    assert.equal(requirements.needsSystemPackages, needsSystemPackages);
  });
}

test('every command has its program', () => {
  for (const { script } of Object.values(programs)) assert.ok(existsSync(join(repository, script)), script);
});

const now = new Date('2026-01-02T03:04:05Z');

for (const args of [
  ['--once', '-o', 'json'],
  ['-o', 'json', '--once'],
  ['--once', '-ojson'],
  ['--once', '--output=json'],
]) {
  test(`up ${args.join(' ')} that cannot start writes the same document as a later failure`, () => {
    const error = 'Go is missing';
    const later = buildOnceDocument({ totals: [], proof: undefined, error, at: now });
    assert.deepEqual(JSON.parse(failureDocument('up', args, error, now) ?? ''), {
      ...later,
      proof: { ...Object(later.proof), reason: 'NotStarted' },
    });
  });
}

for (const [command, args] of [
  ['up', []],
  ['up', ['--once']],
  ['up', ['-o', 'json']],
  ['up', ['--once', '-o', 'yaml']],
  ['test', ['--once', '-o', 'json']],
]) {
  test(`${[command, ...args].join(' ')} that cannot start writes nothing to standard output`, () => {
    assert.equal(failureDocument(command, args, 'Go is missing', now), undefined);
  });
}
