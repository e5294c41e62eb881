import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EnvironmentError, parseEnvironment } from '#platform/environment.ts';
import { aggregatorEnvironment, calculatorEnvironment } from './config.ts';

const needed = {
  SUMPIPELINE_NAMESPACE: 'shop',
  SUMPIPELINE_NAME: 'orders',
  SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: 'b-1:9096, b-2:9096',
  SUMPIPELINE_KAFKA_TOPIC: 'shop.orders',
  SUMPIPELINE_KAFKA_GROUP: 'shop.orders',
};
const store = { SUMPIPELINE_STORE_URI_FILE: '/uri', SUMPIPELINE_STORE_SCHEMA: 'shop.orders' };

test('the required variables are enough, and the others have defaults', () => {
  const config = parseEnvironment(calculatorEnvironment, needed);
  assert.deepEqual(config.SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS, ['b-1:9096', 'b-2:9096']);
  assert.deepEqual(
    [config.SUMPIPELINE_HTTP_PORT, config.SUMPIPELINE_GRPC_PORT, config.SUMPIPELINE_ADMIN_PORT],
    [8080, 9090, 9464],
  );
  assert.deepEqual([config.SUMPIPELINE_KAFKA_TLS, config.SUMPIPELINE_LOG_EPOCH], [false, 1]);
});

test('every missing variable is named at once', () => {
  assert.throws(
    () => parseEnvironment(aggregatorEnvironment, { SUMPIPELINE_NAME: '' }),
    (error: unknown) => {
      assert.ok(error instanceof EnvironmentError);
      for (const name of [...Object.keys(needed), ...Object.keys(store)]) {
        assert.match(error.message, new RegExp(`${name} is missing`));
      }
      return true;
    },
  );
});

describe('a value that is not valid is named with its variable', () => {
  for (const [name, value] of [
    ['SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS', 'kafka'],
    ['SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS', 'kafka:9092,'],
    ['SUMPIPELINE_KAFKA_TLS', 'yes'],
    ['SUMPIPELINE_KAFKA_SCRAM_MECHANISM', 'PLAIN'],
    ['SUMPIPELINE_HTTP_PORT', '70000'],
    ['SUMPIPELINE_HTTP_PORT', '80a'],
    ['SUMPIPELINE_DRAIN_MS', '-1'],
    ['SUMPIPELINE_DRAIN_MS', '1e3'],
    ['SUMPIPELINE_LOG_EPOCH', '0'],
    ['SUMPIPELINE_STORE_SCHEMA', 'x'.repeat(64)],
  ] as const) {
    test(`${name}=${value.slice(0, 20)}`, () => {
      assert.throws(
        () => parseEnvironment(aggregatorEnvironment, { ...needed, ...store, [name]: value }),
        new RegExp(name),
      );
    });
  }
});
