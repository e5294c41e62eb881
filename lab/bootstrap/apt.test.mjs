import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { installSystemPackages } from './apt.mjs';

let folder;
let said;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sumpipeline-apt-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Makes an apt-get that records its arguments and then runs `script`. */
function makeAptGet(script) {
  mkdirSync(join(folder, 'bin'));
  const file = join(folder, 'bin', 'apt-get');
  writeFileSync(file, `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> ${folder}/calls\n${script}\n`);
  chmodSync(file, 0o755);
}

function install(more = []) {
  const packages = [
    { name: 'there', file: '/etc/passwd' },
    { name: 'libabsent-dev', file: join(folder, 'absent.h') },
    { name: 'shell', program: 'sh' },
    ...more,
  ];
  const env = { PATH: join(folder, 'bin') };
  return installSystemPackages({ env, say: (text) => said.push(text), packages, unitFolder: join(folder, 'units') });
}

test('only missing packages are installed, after they were named', async () => {
  makeAptGet(`case "$*" in *" install "*) : > ${folder}/absent.h;; esac`);
  await install();
  assert.deepEqual(said, ['Installing the Debian packages that the local cluster needs: libabsent-dev']);
  assert.equal(
    readFileSync(join(folder, 'calls'), 'utf8'),
    `noninteractive --quiet -o DPkg::Lock::Timeout=300 update
noninteractive --quiet -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends libabsent-dev
`,
  );
});

test('when no package is missing, apt-get is not needed', async () => {
  writeFileSync(join(folder, 'absent.h'), '');
  await install();
  assert.deepEqual(said, []);
});

test('a package that was not installed is named, with the command to run by hand', async () => {
  makeAptGet('exit 100');
  await assert.rejects(install(), {
    message:
      'apt-get could not install libabsent-dev (apt-get update failed too); see its output above. ' +
      'Fix the cause, then run: apt-get install --yes libabsent-dev',
  });
});

test('an apt-get that reports success but installs nothing is an error', async () => {
  makeAptGet('exit 0');
  await assert.rejects(install(), /apt-get could not install libabsent-dev/);
});

test('without apt-get the error names the packages', async () => {
  await assert.rejects(install(), /no apt-get\. Install equivalent packages: libabsent-dev/);
});

test('the service of a package is masked before the installation, so that it never runs', async () => {
  makeAptGet(
    `case "$*" in *" install "*) test -L ${folder}/units/absent.service && : > ${folder}/absent.h > ${folder}/served;; esac`,
  );
  await install([{ name: 'served', file: join(folder, 'served'), service: 'absent.service' }]);
  assert.equal(readlinkSync(join(folder, 'units', 'absent.service')), '/dev/null');
  assert.match(said[1], /^The service of served is disabled\. To enable it: systemctl unmask absent\.service$/);
});

test('the service of an installed package stays as it is', async () => {
  makeAptGet(`case "$*" in *" install "*) : > ${folder}/absent.h;; esac`);
  await install([{ name: 'passwd', file: '/etc/passwd', service: 'there.service' }]);
  assert.throws(() => readlinkSync(join(folder, 'units', 'there.service')));
});
