import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildTar, type TarEntry } from './tar.ts';

const long = `${'folder/'.repeat(20)}${'n'.repeat(100)}`;
const entries: TarEntry[] = [
  { type: 'file', path: 'b/file', mode: 0o644, data: Buffer.from('hello') },
  { type: 'directory', path: 'b', mode: 0o755 },
  { type: 'directory', path: 'tmp', mode: 0o1777 },
  { type: 'file', path: 'a-program', mode: 0o755, data: Buffer.alloc(1024, 1) },
  { type: 'link', path: 'z-link', target: 'b/file' },
  { type: 'file', path: long, mode: 0o644, data: Buffer.from('deep') },
  { type: 'file', path: 'ünï', mode: 0o644, data: Buffer.alloc(0) },
];

test('tar reads back every entry with its kind, mode and bytes', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tar-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'x.tar'), Buffer.concat(buildTar(entries)));
  execFileSync('tar', ['-xpf', 'x.tar'], { cwd: dir });
  assert.equal(readFileSync(join(dir, 'b/file'), 'utf8'), 'hello');
  assert.equal(readFileSync(join(dir, 'z-link'), 'utf8'), 'hello');
  assert.equal(readFileSync(join(dir, long), 'utf8'), 'deep');
  assert.equal(statSync(join(dir, 'a-program')).mode & 0o7777, 0o755);
  assert.equal(statSync(join(dir, 'tmp')).mode & 0o7777, 0o1777);
  assert.equal(statSync(join(dir, 'b/file')).mtimeMs, 0);
  assert.equal(statSync(join(dir, 'ünï')).size, 0);
});

test('the order of the entries does not change a byte', () => {
  const bytes = Buffer.concat(buildTar(entries));
  assert.deepEqual(Buffer.concat(buildTar(entries.toReversed())), bytes);
  assert.equal(bytes.length % 512, 0);
});

test('an entry that an archive cannot hold is refused, and named', () => {
  const file = (path: string): TarEntry => ({ type: 'file', path, mode: 0o644, data: Buffer.alloc(0) });
  assert.throws(() => buildTar([file('x'.repeat(101))]), /too long for an archive: x+$/);
  assert.throws(() => buildTar([{ type: 'link', path: 'l', target: 'y'.repeat(101) }]), /too long for an archive: y+$/);
});
