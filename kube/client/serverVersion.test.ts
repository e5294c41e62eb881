import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeClient } from './client.ts';
import { ServerVersion } from './serverVersion.ts';

function versionOf(answers: (string | Error)[]) {
  let now = 0;
  const asked: string[] = [];
  const client = {
    async getRaw(path: string) {
      asked.push(path);
      const answer = answers.shift();
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked too often');
      return { major: '1', minor: answer };
    },
  };
  const version = new ServerVersion(client as unknown as KubeClient, () => now);
  return { version, asked, pass: (ms: number) => (now += ms) };
}

test('the version is read once, and again after ten minutes', async () => {
  const { version, asked, pass } = versionOf(['33', '37+']);
  assert.deepEqual([await version.minor(), await version.minor()], [33, 33]);
  pass(9 * 60_000);
  assert.equal(await version.minor(), 33);
  pass(2 * 60_000);
  assert.equal(await version.minor(), 37);
  assert.deepEqual(asked, ['/version', '/version']);
});

test('after a failed read the next call reads again', async () => {
  const { version } = versionOf([new Error('no'), '35']);
  await assert.rejects(version.minor(), /no/);
  assert.equal(await version.minor(), 35);
});
