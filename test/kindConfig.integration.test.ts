import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

const root = join(import.meta.dirname, '..');

/**
 * A fake docker command. It returns what kind reads before it makes a cluster, and fails when kind needs an image. By
 * that time kind has read and checked its configuration.
 */
const fakeDocker = `#!/bin/sh
case "$1" in
  -v) echo 'Docker version 27.0.0' ;;
  info) echo '{"MemoryLimit":true,"PidsLimit":true,"CPUShares":true,"CgroupVersion":"2","CgroupDriver":"systemd","SecurityOptions":[]}' ;;
  ps) ;;
  inspect | pull) echo 'the fake has no images' >&2; exit 1 ;;
  *) echo "the fake does not know docker $*" >&2; exit 64 ;;
esac
`;

/** Runs kind with a configuration and returns its output. kind always fails, because the fake has no images. */
async function createCluster(config: string): Promise<string> {
  await using folder = await createTemporaryFolder();
  const kind = join(await buildGoModule('kind', { progress: createProgress() }), 'kind');
  await writeFile(join(folder.path, 'docker'), fakeDocker, { mode: 0o755 });
  await writeFile(join(folder.path, 'config.yaml'), config);
  const env = { PATH: `${folder.path}:/bin:/usr/bin`, HOME: folder.path, KIND_EXPERIMENTAL_PROVIDER: 'docker' };
  const args = ['create', 'cluster', '--config', join(folder.path, 'config.yaml')];
  return await new Promise((resolve) => {
    execFile(kind, args, { env, timeout: 60_000 }, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}

test('kind accepts the configuration, and then requests the image of its nodes', async () => {
  const said = await createCluster(await readFile(join(root, 'kind-config.yaml'), 'utf8'));
  assert.match(said, /Creating cluster "sumpipeline"/);
  assert.match(said, /failed to pull image "kindest\/node:/);
});

test('kind refuses a field or a role that it does not know', async () => {
  const config = await readFile(join(root, 'kind-config.yaml'), 'utf8');
  assert.match(await createCluster(config.replace('nodes:', 'knodes:')), /field knodes not found/);
  assert.match(
    await createCluster(config.replace('role: worker', 'role: werker')),
    /"werker" is not a valid node role/,
  );
});
