import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentError, parseEnvironment } from '#platform/environment.ts';
import { operatorEnvironment } from './config.ts';

const least = { SUMPIPELINE_OPERATOR_NAMESPACE: 'sumpipeline-system', SUMPIPELINE_OPERATOR_IMAGE: 'sumpipeline:1' };

test('namespace and image are enough', () => {
  const config = parseEnvironment(operatorEnvironment, least);
  assert.equal(config.SUMPIPELINE_WATCH_NAMESPACES, undefined);
  assert.equal(config.SUMPIPELINE_CONCURRENCY, 4);
  assert.equal(config.SUMPIPELINE_ADMIN_PORT, 9464);
});

test('namespaces are a list', () => {
  const config = parseEnvironment(operatorEnvironment, { ...least, SUMPIPELINE_WATCH_NAMESPACES: 'a, b' });
  assert.deepEqual(config.SUMPIPELINE_WATCH_NAMESPACES, ['a', 'b']);
});

test('every problem is named at once', () => {
  const wrong = {
    SUMPIPELINE_OPERATOR_NAMESPACE: 'No',
    SUMPIPELINE_CONCURRENCY: '0',
    SUMPIPELINE_WATCH_NAMESPACES: 'a,,b',
  };
  assert.throws(
    () => parseEnvironment(operatorEnvironment, wrong),
    (error) => {
      assert.ok(error instanceof EnvironmentError);
      for (const name of [...Object.keys(wrong), 'SUMPIPELINE_OPERATOR_IMAGE is missing']) {
        assert.ok(error.message.includes(name), error.message);
      }
      return true;
    },
  );
});
