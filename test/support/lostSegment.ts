import assert from 'node:assert/strict';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes the last tenth of a partition's batches, as when a broker loses power. `dir` is the folder of the broker,
 * which must be stopped. `partition` is `topic-number`. Kafka writes `offset, length, ...` before each batch.
 */
export async function loseEndOfLog(dir: string, partition: string): Promise<void> {
  const files = await readdir(dir, { recursive: true });
  const path = files.find((file) => file.endsWith(join(partition, '00000000000000000000.log')));
  assert.ok(path !== undefined, `no segment of ${partition}`);
  const segment = await readFile(join(dir, path));
  const starts: number[] = [];
  for (let at = 0; at < segment.length; at += 12 + segment.readInt32BE(at + 8)) starts.push(at);
  assert.ok(starts.length >= 10, `${starts.length} batches`);
  await truncate(join(dir, path), starts[Math.floor(starts.length * 0.9)]);
}
