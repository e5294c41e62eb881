import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Child, ChildExit } from './child.ts';
import { Keeper, type KeeperOptions } from './keeper.ts';
import { waitFor } from './wait.ts';

/** A process that ends on request. */
class FakeChild implements Child {
  readonly pid: number;
  readonly logFile = '/nowhere/server.log';
  readonly signals: NodeJS.Signals[] = [];
  readonly exited: Promise<ChildExit>;
  end: (exit: ChildExit) => void = () => {};
  /** Ignores SIGTERM. */
  isStubborn = false;

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  signal(name: NodeJS.Signals): void {
    this.signals.push(name);
    if (name === 'SIGKILL' || !this.isStubborn) this.end({ code: null, signal: name });
  }
}

/** Makes a keeper of fake processes, which are ready at once unless `ready` returns something else. */
function keep(options: Partial<KeeperOptions> = {}) {
  const children: FakeChild[] = [];
  const messages: string[] = [];
  const keeper = new Keeper({
    name: 'Server',
    async launch() {
      const child = new FakeChild(children.length + 1);
      children.push(child);
      return child;
    },
    ready: async () => {},
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 50,
    ...options,
  });
  const restart = { restartOnDeath: true as const, onDeath: (message: string) => void messages.push(message) };
  return { keeper, children, messages, restart };
}

const never = () => new Promise<void>(() => {});
const died: ChildExit = { code: 1, signal: null };

async function untilSaid(messages: readonly string[], text: string): Promise<void> {
  await waitFor({ what: `"${text}" in ${JSON.stringify(messages)}`, timeoutMs: 5_000, intervalMs: 5 }, async () =>
    messages.some((message) => message.includes(text)) ? true : undefined,
  );
}

test('a started server has a pid until it is stopped, and can be started again', async () => {
  const { keeper, children } = keep();
  assert.equal(keeper.pid, undefined);
  await keeper.start();
  assert.equal(keeper.pid, 1);
  await keeper.stop();
  assert.equal(keeper.pid, undefined);
  assert.deepEqual(children[0]?.signals, ['SIGTERM']);
  await keeper.start();
  assert.equal(keeper.pid, 2);
  await keeper.stop();
});

test('a second start is refused', async () => {
  const { keeper } = keep();
  await keeper.start();
  await assert.rejects(keeper.start(), { message: 'Server is already started' });
  await keeper.stop();
});

test('stopping a stopped server does nothing', async () => {
  const { keeper, children } = keep();
  await keeper.stop();
  await keeper.kill();
  assert.equal(children.length, 0);
});

test('a server that ends before it responds fails the start with its exit code and its log', async () => {
  const { keeper, children } = keep({ ready: never });
  const start = keeper.start();
  await nextTurn();
  children[0]?.end(died);
  await assert.rejects(start, /^Error: Server did not start \(exit code 1\)\. The end of its log file:\n/);
  assert.equal(keeper.pid, undefined);
});

test('a server that never responds is killed and the reason is reported', async () => {
  const { keeper, children } = keep({ ready: () => Promise.reject(new Error('waited 90 s for an answer')) });
  await assert.rejects(keeper.start(), /Server did not start \(waited 90 s for an answer\)/);
  assert.deepEqual(children[0]?.signals, ['SIGKILL']);
});

test('a server that does not stop in time is killed', async () => {
  const { keeper, children } = keep();
  await keeper.start();
  const [child] = children;
  assert.ok(child);
  child.isStubborn = true;
  await keeper.stop();
  assert.deepEqual(child.signals, ['SIGTERM', 'SIGKILL']);
});

test('without a restart policy a dead server is not restarted, but can be started', async () => {
  const { keeper, children } = keep();
  await keeper.start();
  children[0]?.end(died);
  await nextTurn();
  assert.equal(keeper.pid, undefined);
  await keeper.start();
  assert.equal(keeper.pid, 2);
  await keeper.stop();
});

test('with a restart policy a dead server restarts, and both events are reported', async () => {
  const { restart, messages } = keep();
  const { keeper, children } = keep({ restart });
  await keeper.start();
  children[0]?.end(died);
  await untilSaid(messages, 'is back');
  assert.equal(keeper.pid, 2);
  assert.deepEqual(messages, [
    'Server died (exit code 1); restarting it. Its log: /nowhere/server.log',
    'Server is back.',
  ]);
  await keeper.stop();
  assert.equal(children.length, 2, 'a stop is not a death');
});

test('a restart that fails is retried until it succeeds', async () => {
  const { restart, messages } = keep();
  let starts = 0;
  const { keeper, children } = keep({
    restart,
    ready: async () => {
      if (++starts === 2) throw new Error('port taken');
    },
  });
  await keeper.start();
  children[0]?.end(died);
  await untilSaid(messages, 'port taken');
  await untilSaid(messages, 'is back');
  assert.equal(keeper.pid, 3);
  await keeper.stop();
});

test('a stop during the wait before a restart ends the wait', async () => {
  const { restart, messages } = keep();
  const { keeper, children } = keep({ restart });
  await keeper.start();
  children[0]?.end(died);
  await untilSaid(messages, 'died');
  const before = performance.now();
  await keeper.stop();
  assert.ok(performance.now() - before < 200, 'the stop does not wait for the backoff');
  assert.equal(children.length, 1);
});

test('a stop during a restart also ends the new process', async () => {
  const { restart, messages } = keep();
  let isFirst = true;
  const { keeper, children } = keep({
    restart,
    ready: () => {
      if (!isFirst) return never();
      isFirst = false;
      return Promise.resolve();
    },
  });
  await keeper.start();
  children[0]?.end(died);
  await waitFor({ what: 'the second process', timeoutMs: 5_000, intervalMs: 5 }, async () => children[1]);
  await keeper.stop();
  assert.equal(keeper.pid, undefined);
  assert.deepEqual(children[1]?.signals.at(0), 'SIGTERM');
  assert.ok(!messages.includes('Server is back.'));
});

test('a stop during the first start ends the process and the start', async () => {
  const { keeper, children } = keep({ ready: never });
  const start = keeper.start();
  await nextTurn();
  await Promise.all([assert.rejects(start, /Server did not start/), keeper.stop()]);
  assert.equal(children.length, 1);
  assert.equal(keeper.pid, undefined);
});
