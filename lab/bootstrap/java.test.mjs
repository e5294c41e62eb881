import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findJava } from './java.mjs';

const root = mkdtempSync(join(tmpdir(), 'sumpipeline-java-'));
after(() => rmSync(root, { recursive: true }));

/**
 * Makes a folder that looks like a JDK of that version. Without a release file only the program shows the version.
 */
function makeJava(name, version, { hasRelease = true } = {}) {
  const home = join(root, name);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`);
  chmodSync(join(home, 'bin', 'java'), 0o755);
  if (hasRelease) writeFileSync(join(home, 'release'), `IMPLEMENTOR="X"\nJAVA_VERSION="${version}"\n`);
  return home;
}

const java17 = makeJava('jvm/java-17', '17.0.15');
const java21 = makeJava('jvm/java-21', '21.0.2');
const java25 = makeJava('opt/jdk-25', '25', { hasRelease: false });
const java8 = makeJava('old/java-8', '1.8.0_392');
symlinkSync(java17, join(root, 'jvm', 'default'));

const jvm = join(root, 'jvm');
const opt = join(root, 'opt');
const program = (home) => ({ command: join(home, 'bin', 'java') });

test('JAVA_HOME goes before PATH', () => {
  assert.deepEqual(findJava(17, { JAVA_HOME: java21, PATH: join(java17, 'bin') }, []), program(java21));
});

test('PATH goes before the usual folders', () => {
  assert.deepEqual(findJava(17, { PATH: `:${join(java17, 'bin')}` }, [opt]), program(java17));
});

test('a JAVA_HOME that is too old is skipped for a Java in the usual folders', () => {
  assert.deepEqual(findJava(21, { JAVA_HOME: java17, PATH: join(java17, 'bin') }, [jvm]), program(java21));
});

test('a Java without a release file prints its version itself', () => {
  assert.deepEqual(findJava(25, {}, [jvm, opt]), program(java25));
});

test('when every Java is too old, the newest is named', () => {
  assert.deepEqual(findJava(22, { JAVA_HOME: java8, PATH: join(java17, 'bin') }, [jvm]), { newest: '21.0.2' });
});

test('without any Java nothing is named, and missing folders are no error', () => {
  assert.deepEqual(findJava(17, { JAVA_HOME: join(root, 'nowhere'), PATH: '/no/bin' }, [join(root, 'absent')]), {});
});
