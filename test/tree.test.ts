import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Tracked text files with their content; binary ones hold a NUL. */
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
        // Deleted in the work tree, not yet in git.
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

describe('the tree', () => {
  it('holds no path of the machine it was written on', () => {
    const paths = [`${root}/`, `${homedir()}/`].filter((path) => path.length > 2);
    assert.deepEqual(
      linesThat((line) => paths.some((path) => line.includes(path))),
      [],
    );
  });

  it('names no host of a package registry', () => {
    // Written in pieces, or this file would find itself.
    const hosts = [
      'registry.npm' + 'js',
      'proxy.gol' + 'ang',
      'maven' + '.org',
      'maven' + '.apache.org/maven2',
      'pypi' + '.org',
      'deb.deb' + 'ian',
    ];
    assert.deepEqual(
      linesThat((line) => hosts.some((host) => line.includes(host))),
      [],
    );
  });
});
