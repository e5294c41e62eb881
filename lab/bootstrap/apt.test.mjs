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

/** An apt-get that writes down how it was called and then runs `script`. */
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

test('only what is missing is installed, after it was named', async () => {
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

test('when all is there apt-get is not even looked for', async () => {
  writeFileSync(join(folder, 'absent.h'), '');
  await install();
  assert.deepEqual(said, []);
});

test('a package that did not come is named with the command to try by hand', async () => {
  makeAptGet('exit 100');
  await assert.rejects(install(), {
    message:
      'apt-get could not install libabsent-dev (apt-get update failed too): its output is above. ' +
      'Then run: apt-get install --yes libabsent-dev',
  });
});

test('an apt-get that reports success without bringing the package is not believed', async () => {
  makeAptGet('exit 0');
  await assert.rejects(install(), /apt-get could not install libabsent-dev/);
});

test('without apt-get the packages are named', async () => {
  await assert.rejects(install(), /no apt-get: install their like: libabsent-dev/);
});

test('the service of a package is masked before the package comes, so that it never runs', async () => {
  makeAptGet(
    `case "$*" in *" install "*) test -L ${folder}/units/absent.service && : > ${folder}/absent.h > ${folder}/served;; esac`,
  );
  await install([{ name: 'served', file: join(folder, 'served'), service: 'absent.service' }]);
  assert.equal(readlinkSync(join(folder, 'units', 'absent.service')), '/dev/null');
  assert.match(said[1], /^The service of served stays off\. To run it yourself: systemctl unmask absent\.service$/);
});

test('the service of a package that is there already stays as it is', async () => {
  makeAptGet(`case "$*" in *" install "*) : > ${folder}/absent.h;; esac`);
  await install([{ name: 'passwd', file: '/etc/passwd', service: 'there.service' }]);
  assert.throws(() => readlinkSync(join(folder, 'units', 'there.service')));
});
