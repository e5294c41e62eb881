import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SumError } from '#core/errors.ts';
import { silentLogger } from '#platform/log.ts';
import { LogError, LogUnavailableError, type LogWriter } from '#services/eventlog/port.ts';
import { until } from '#test/support/condition.ts';
import { Connection } from './connection.ts';

/** A fake Kafka that opens writers. If `refusal` is set, it throws `refusal` instead. */
class FakeKafka {
  refusal: Error | undefined;
  readonly writers: { name: number; isClosed: boolean; onFatal: (error: LogError) => void }[] = [];
  connected = 0;
  #changeSecrets = Promise.withResolvers<void>();
  readonly connection = new Connection({
    open: async (onFatal) => {
      if (this.refusal !== undefined) throw this.refusal;
      const state = { name: this.writers.length, isClosed: false, onFatal };
      this.writers.push(state);
      const writer: LogWriter = {
        confirmTopic: async () => 'topic',
        partitionCount: state.name,
        topicId: undefined,
        leaderOf: () => undefined,
        logEnds: async () => new Map(),
        append: () => Promise.reject(new LogError('not in this test')),
        close: async () => {
          state.isClosed = true;
        },
      };
      return writer;
    },
    untilSecretsChange: (signal) =>
      Promise.race([
        this.#changeSecrets.promise,
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
      ]),
    logger: silentLogger,
    random: () => 0,
    onConnected: () => {
      this.connected += 1;
    },
  });

  changeSecrets(): void {
    this.#changeSecrets.resolve();
    this.#changeSecrets = Promise.withResolvers();
  }

  current(): number | undefined {
    try {
      return this.connection.current().partitionCount;
    } catch (error) {
      assert.ok(error instanceof SumError && error.code === 'unavailable');
      return undefined;
    }
  }
}

test('before the first connection the reason is returned; new secrets end the wait; then it stays ready', async () => {
  const kafka = new FakeKafka();
  kafka.refusal = new LogUnavailableError('SecretMissing', 'Secret orders-kafka, key password is missing or empty');
  kafka.connection.start();
  await until('the reason', () => /key password/.test(kafka.connection.problem ?? ''));
  assert.throws(() => kafka.connection.current(), /key password is missing or empty\. Nothing was written: retry/);
  kafka.refusal = undefined;
  kafka.changeSecrets();
  await until('the first writer', () => kafka.current() === 0);
  assert.deepEqual([kafka.connection.problem, kafka.connected], [undefined, 1]);
  await kafka.connection.close();
  assert.deepEqual(
    kafka.writers.map(({ isClosed }) => isClosed),
    [true],
  );
});

test('with new secrets the old writer serves until the new one is there', async () => {
  const kafka = new FakeKafka();
  kafka.connection.start();
  await until('the first writer', () => kafka.current() === 0);
  kafka.refusal = new LogUnavailableError('AuthenticationFailed', 'wrong password');
  kafka.changeSecrets();
  await until('the refused attempt', () => kafka.writers.length === 1);
  assert.equal(kafka.current(), 0, 'wrong new secrets do not end the open connection');
  assert.equal(kafka.connection.problem, undefined);
  kafka.refusal = undefined;
  kafka.changeSecrets();
  await until('the second writer', () => kafka.current() === 1);
  assert.equal(kafka.writers[0]?.isClosed, true);
  assert.equal(kafka.connected, 1);
  await kafka.connection.close();
});

test('a writer that dies is dropped at once and replaced, and the calculator stays ready', async () => {
  const kafka = new FakeKafka();
  kafka.connection.start();
  await until('the first writer', () => kafka.current() === 0);
  kafka.refusal = new LogUnavailableError('AuthenticationFailed', 'the password was changed');
  kafka.writers[0]?.onFatal(new LogUnavailableError('AuthenticationFailed', 'the password was changed'));
  assert.equal(kafka.current(), undefined);
  assert.throws(() => kafka.connection.current(), /the password was changed\. Nothing was written/);
  assert.equal(kafka.connection.problem, undefined);
  kafka.refusal = undefined;
  await until('the second writer', () => kafka.current() === 1);
  kafka.writers[0]?.onFatal(new LogError('late news of the first'));
  assert.equal(kafka.current(), 1);
  await kafka.connection.close();
});
