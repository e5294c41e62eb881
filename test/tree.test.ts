import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Reads the tracked text files. Skips binary files, which contain a NUL. */
function readTree(): { file: string; text: string }[] {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\0')
    .filter((file) => file !== '')
    .flatMap((file) => {
      try {
        const text = readFileSync(join(root, file), 'utf8');
        return text.includes('\0') ? [] : [{ file, text }];
      } catch (error) {
        // Skip a file that is deleted in the work tree and not yet in git.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
}

function linesThat(matches: (line: string) => boolean): string[] {
  return readTree().flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, index) => (matches(line) ? [`${file}:${index + 1}: ${line.slice(0, 120)}`] : [])),
  );
}

/**
 * Finds absolute paths where users and build machines keep a clone. It matches only at the beginning of a path: the
 * middle of a longer path may have any name. After root and work a path must follow, because the image's passwd file
 * names the home of root. The pattern does not find itself: its slashes and dots are escaped.
 */
const machinePath = /(?<![\w.)}\]*-])(?:\/(?:home|Users)\/[\w.-]|\/(?:root|work|workspaces?)\/[\w.-])/;

const registries = [
  /registry\.npmjs|registry\.yarnpkg|npm\.pkg\.github|jsr\.io/,
  /proxy\.golang|sum\.golang|goproxy\.(?:io|cn)/,
  /maven\.org|maven\.apache\.org\/maven2|repo\.maven/,
  /pypi\.org|pythonhosted\.org|crates\.io|rubygems\.org/,
  /(?:deb|security|snapshot)\.debian|archive\.ubuntu/,
  /registry\.k8s|gcr\.io|ghcr\.io|pkg\.dev|quay\.io|docker\.(?:io|com)|mcr\.microsoft|public\.ecr/,
];

const isMachinePath = (line: string) => machinePath.test(line);
const namesRegistry = (line: string) => registries.some((registry) => registry.test(line));

describe('the tree', () => {
  test('contains no path of the machine it was written on', () => {
    const paths = [`${root}/`, `${homedir()}/`].filter((path) => path.length > 2);
    assert.deepEqual(
      linesThat((line) => paths.some((path) => line.includes(path))),
      [],
    );
  });

  test('contains no path of another machine', () => {
    assert.deepEqual(linesThat(isMachinePath), []);
  });

  test('contains no host of a registry of packages or images', () => {
    assert.deepEqual(linesThat(namesRegistry), []);
  });
});

describe('the patterns', () => {
  // Join the parts here, so that the test does not find this file.
  const path = (...parts: string[]) => `/${parts.join('/')}`;
  const host = (...parts: string[]) => parts.join('.');

  for (const line of [
    `cd ${path('home', 'ann', 'clone')}`,
    `"${path('Users', 'ann')}"`,
    `file://${path('root', '.m2', 'settings.xml')}`,
    `(${path('work', 'main', 'core')})`,
  ]) {
    test(`take ${line} for a path of a machine`, () => assert.ok(isMachinePath(line)));
  }

  for (const line of [
    'root:x:0:0:root:/root:/bin/sh',
    'below /root, and',
    `..${path('work', 'main')}`,
    'https://example.com/home/x',
  ]) {
    test(`allow ${line}`, () => assert.ok(!isMachinePath(line)));
  }

  for (const line of [
    `https://${host('registry', 'npmjs', 'org')}/zod`,
    `GOPROXY=https://${host('proxy', 'golang', 'org')}`,
    `https://${host('repo1', 'maven', 'org')}/maven2`,
    `image: ${host('registry', 'k8s', 'io')}/pause:3.10`,
    `FROM ${host('ghcr', 'io')}/ann/image`,
    `FROM ${host('docker', 'io')}/library/node`,
  ]) {
    test(`take ${line} for a registry`, () => assert.ok(namesRegistry(line)));
  }

  for (const line of ['k8s.io/kubernetes v1.37.0', 'xmlns="http://maven.apache.org/POM/4.0.0"', 'localhost/probe:1']) {
    test(`allow ${line}, which names no registry`, () => assert.ok(!namesRegistry(line)));
  }
});
