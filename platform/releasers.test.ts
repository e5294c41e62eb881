import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, silentLogger } from './log.ts';
import { Releasers } from './releasers.ts';

test('resources are released in reverse order, once, even if one release fails', async () => {
  const released: string[] = [];
  const warnings: object[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) };
  const releasers = new Releasers(logger);
  releasers.add('first', () => void released.push('first'));
  releasers.add('second', () => {
    throw new Error('stuck');
  });
  releasers.add('third', async () => void released.push('third'));
  await releasers.releaseAll();
  await releasers.releaseAll();
  assert.deepEqual(released, ['third', 'first']);
  assert.match(String(Reflect.get(warnings[0] ?? {}, 'error')), /stuck/);
  assert.equal(warnings.length, 1);
});
