/** Runs under the lock that nodeModules.mjs takes: installs the packages of the lock file, then writes the marker. */
import { spawnSync } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { isInstalled, isInstalledByHand, markInstalled, npmFailed, unmarkInstalled } from './nodeModules.mjs';

const root = process.argv[2];
writeSync(3, 'locked\n');
closeSync(3);
// Another run may have installed while we waited for the lock.
if (!isInstalled(root)) {
  unmarkInstalled(root);
  const status = isInstalledByHand(root) ? 0 : npmCi(root);
  if (status === 0) markInstalled(root);
  else process.exitCode = npmFailed;
}

function npmCi(cwd) {
  console.error('Installing npm packages (npm ci)...');
  const startedAt = Date.now();
  // Print only errors: npm's warnings are about the Node that runs npm here, not about the Node 24 that npm installs.
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    stdio: ['ignore', 2, 2],
  });
  if (error) console.error(`npm could not be started: ${error.message}`);
  if (status === 0) console.error(`npm ci took ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
  return status;
}
