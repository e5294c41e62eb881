import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatCountedLog } from '#contract/countedLog.ts';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { CountedLogFile } from './countedLogFile.ts';

let folder: TemporaryFolder;
before(async () => {
  folder = await createTemporaryFolder();
});
after(() => folder[Symbol.asyncDispose]());

function open(path: string | undefined) {
  const file = new CountedLogFile({
    path,
    source: 'ConfigMap orders-log, key log.json',
    topic: 'shop.orders',
    logger: silentLogger,
    everyMs: 2,
  });
  return {
    start: () => file.start(),
    get log() {
      return file.require();
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

const log = (topicId: string) => ({ epoch: 1, topic: 'shop.orders', clusterId: 'cluster', topicId });

test('the counted log is known after the first read, follows the file, and stays known if the file is deleted or invalid', async () => {
  const path = join(folder.path, 'log.json');
  await writeFile(path, formatCountedLog(log('A')));
  await using file = open(path);
  await file.start();
  assert.deepEqual(file.log, log('A'));
  await writeFile(path, formatCountedLog(log('B')));
  await until('the change', () => file.log?.topicId === 'B');
  await writeFile(path, '{"epoch": 0}');
  await rm(path);
  await writeFile(path, formatCountedLog(log('C')));
  await until('the next change', () => file.log?.topicId === 'C');
});

test('additions are refused until a valid file was read', async () => {
  const path = join(folder.path, 'unreadable.json');
  await writeFile(path, '{"epoch": 1}');
  await using file = open(path);
  await file.start();
  assert.throws(() => file.log, /ConfigMap orders-log, key log\.json cannot be read .*topicId/s);
  await writeFile(path, formatCountedLog(log('A')));
  await until('the file', async () => {
    try {
      return file.log?.topicId === 'A';
    } catch {
      return false;
    }
  });
  await writeFile(path, '{"epoch": 1}');
  await file[Symbol.asyncDispose]();
  assert.equal(file.log?.topicId, 'A');
});

test('a file about another topic is ignored', async () => {
  const path = join(folder.path, 'other.json');
  await writeFile(path, formatCountedLog({ ...log('A'), topic: 'another' }));
  await using file = open(path);
  await file.start();
  assert.equal(file.log, undefined);
});

test('a file that comes later is read', async () => {
  const path = join(folder.path, 'later.json');
  await using file = open(path);
  await file.start();
  assert.equal(file.log, undefined);
  await writeFile(path, formatCountedLog(log('A')));
  await until('the file', () => file.log?.topicId === 'A');
});

test('without a path the counted log is unknown', async () => {
  await using file = open(undefined);
  await file.start();
  assert.equal(file.log, undefined);
});
