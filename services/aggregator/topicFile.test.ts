import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AggregatorConfig } from '#contract/config.ts';
import { silentLogger } from '#platform/log.ts';
import { LogReplacedError, type LogTopic, type WantedTopic } from '#services/eventlog/port.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { topicFileText } from '#tools/testing/topicFile.ts';
import { TopicFile } from './topicFile.ts';

let folder: TemporaryFolder;
before(async () => {
  folder = await createTemporaryFolder();
});
after(() => folder[Symbol.asyncDispose]());

const same = async () => {};

/** Writes a file with 3 partitions. Builds a fake topic that records its calls and, if set, throws `fake.problem`. */
async function setUp() {
  const path = join(folder.path, 'topic.json');
  await writeFile(path, topicFileText(3));
  const asked: Pick<WantedTopic, 'partitions' | 'isCounted'>[] = [];
  const fake = { problem: undefined as Error | undefined };
  const topic = {
    ensure: async ({ partitions, isCounted }: WantedTopic) => {
      asked.push({ partitions, isCounted });
      if (fake.problem !== undefined) throw fake.problem;
      return { created: false, changes: [] };
    },
  } as unknown as LogTopic;
  const config = {
    SUMPIPELINE_TOPIC_FILE: path,
    SUMPIPELINE_TOPIC_SOURCE: 'ConfigMap orders-topic, key topic.json',
  } as AggregatorConfig;
  return { path, asked, fake, file: new TopicFile({ config, topic, logger: silentLogger }) };
}

test('the topic is changed as the file says, and again only when the file changes', async () => {
  const { path, asked, file } = await setUp();
  await file.ensure(false);
  assert.equal(await file.ensureIfChanged(same), false);
  await writeFile(path, topicFileText(6));
  assert.equal(await file.ensureIfChanged(same), true);
  assert.equal(await file.ensureIfChanged(same), false);
  assert.deepEqual(asked, [
    { partitions: 3, isCounted: false },
    { partitions: 6, isCounted: true },
  ]);
});

test('a topic that was replaced is not changed', async () => {
  const { path, asked, file } = await setUp();
  await file.ensure(false);
  await writeFile(path, topicFileText(6));
  const replaced = new LogReplacedError({ topic: 'orders', wanted: 'A', found: 'B' });
  await assert.rejects(
    file.ensureIfChanged(() => Promise.reject(replaced)),
    replaced,
  );
  assert.equal(asked.length, 1);
  assert.equal(file.problem, replaced);
});

test('a failed change is retried', async () => {
  const { path, asked, fake, file } = await setUp();
  await file.ensure(false);
  await writeFile(path, topicFileText(6));
  fake.problem = new Error('no controller');
  await assert.rejects(file.ensureIfChanged(same), /no controller/);
  fake.problem = undefined;
  assert.equal(await file.ensureIfChanged(same), true);
  assert.equal(asked.length, 3);
});

test('a file that is missing or cannot be read is named', async () => {
  const { path, file } = await setUp();
  await writeFile(path, '{"partitions": 0}');
  await assert.rejects(file.ensure(false), /wanted topic: ConfigMap orders-topic, key topic\.json: .*partitions/s);
  await rm(path);
  await assert.rejects(file.ensureIfChanged(same), /ConfigMap orders-topic, key topic\.json is missing or empty/);
});

test('without a file nothing is done: the topic is managed elsewhere', async () => {
  const topic = { ensure: () => assert.fail('not asked for') } as unknown as LogTopic;
  const file = new TopicFile({ config: {} as AggregatorConfig, topic, logger: silentLogger });
  await file.ensure(false);
  assert.equal(await file.ensureIfChanged(same), false);
});
