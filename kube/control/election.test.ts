import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KubeClient } from '#kube/client/client.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { FakeLeaseServer } from '#kube/testing/fakeLeaseServer.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { silentLogger } from '#platform/log.ts';
import { type Leadership, runElection } from './election.ts';

/** Starts one candidate for the Lease, like one process. It leads until it is stopped or loses the Lease. */
function candidate(setup: {
  identity: string;
  clock: FakeClock;
  server: FakeLeaseServer;
  fate?: Parameters<FakeLeaseServer['connect']>[0];
  /** Time from the abort of a signal to the end of the candidate's work, ms of the fake clock. */
  lingerMs?: number;
}) {
  const { identity, clock, server } = setup;
  const stop = new AbortController();
  const terms: Leadership[] = [];
  let current: Leadership | undefined;
  const running = runElection(
    {
      client: new KubeClient(server.connect(setup.fate)),
      lease: { namespace: 'system', name: 'operator' },
      identity,
      clock,
      random: () => 0.5,
      logger: silentLogger,
      metrics: createRecordingMetrics(),
    },
    stop.signal,
    async (leadership) => {
      terms.push(leadership);
      current = leadership;
      const either = AbortSignal.any([leadership.lost, stop.signal]);
      await new Promise<void>((resolve) => {
        if (either.aborted) resolve();
        either.addEventListener('abort', () => clock.after(setup.lingerMs ?? 0, resolve), { once: true });
      });
      current = undefined;
    },
  );
  return {
    identity,
    terms,
    running,
    stop: () => stop.abort(),
    /** Whether this process would send a write now. */
    mayWrite: () => {
      try {
        current?.assertHeld();
        return current !== undefined;
      } catch {
        return false;
      }
    },
  };
}

test('one of two leads and renews; the other takes over within one retry period after an orderly stop', async () => {
  const clock = new FakeClock();
  const server = new FakeLeaseServer(clock);
  const first = candidate({ identity: 'first', clock, server });
  await clock.advance(0);
  const second = candidate({ identity: 'second', clock, server });
  await clock.advance(60_000);
  assert.deepEqual([first.mayWrite(), second.mayWrite()], [true, false]);
  assert.equal(server.lease?.spec['holderIdentity'], 'first');
  first.stop();
  await clock.advance(0);
  await first.running;
  assert.equal(server.lease?.spec['holderIdentity'], null);
  await clock.advance(2_400);
  assert.deepEqual([first.mayWrite(), second.mayWrite()], [false, true]);
  assert.equal(server.lease?.spec['leaseTransitions'], 1);
  second.stop();
  await clock.advance(10);
});

test('the Lease is held and renewed while the work of a stopped leader ends, and only then released', async () => {
  const clock = new FakeClock();
  const server = new FakeLeaseServer(clock);
  const leader = candidate({ identity: 'leader', clock, server, lingerMs: 20_000 });
  await clock.advance(1000);
  leader.stop();
  await clock.advance(19_000);
  assert.equal(server.lease?.spec['holderIdentity'], 'leader');
  assert.equal(leader.mayWrite(), true);
  await clock.advance(2_000);
  assert.equal(server.lease?.spec['holderIdentity'], null);
});

test('a leader that is cut off is fenced after the renew deadline, the other leads after the lease duration', async () => {
  const clock = new FakeClock();
  const server = new FakeLeaseServer(clock);
  let isCutOff = false;
  const first = candidate({ identity: 'first', clock, server, fate: () => (isCutOff ? 'hangs' : 'answered') });
  await clock.advance(0);
  const second = candidate({ identity: 'second', clock, server });
  await clock.advance(1_999);
  isCutOff = true;
  await clock.advance(8_001);
  assert.equal(first.terms[0]?.lost.aborted, true, 'fenced ten seconds after its last renewal began');
  assert.equal(second.mayWrite(), false);
  await clock.advance(4_000);
  assert.equal(second.mayWrite(), false, 'the lease has not run out');
  await clock.advance(4_400);
  assert.equal(second.mayWrite(), true);
  isCutOff = false;
  await clock.advance(60_000);
  assert.deepEqual([first.terms.length, first.mayWrite(), second.mayWrite()], [1, false, true]);
  first.stop();
  second.stop();
  await clock.advance(10);
});

test('a process that was stopped for a minute may not write when it wakes up, before any timer fires', async () => {
  const clock = new FakeClock();
  const leader = candidate({ identity: 'leader', clock, server: new FakeLeaseServer(clock) });
  await clock.advance(0);
  assert.equal(leader.mayWrite(), true);
  clock.jump(60_000);
  assert.equal(leader.mayWrite(), false);
  leader.stop();
  await clock.advance(10_000);
});

test('a wall clock that jumps changes nothing', async () => {
  const clock = new FakeClock();
  const server = new FakeLeaseServer(clock);
  const first = candidate({ identity: 'first', clock, server });
  await clock.advance(0);
  const second = candidate({ identity: 'second', clock, server });
  for (const offset of [0, 4_000_000_000_000, 1_000_000_000_000]) {
    clock.wallOffsetMs = offset;
    await clock.advance(20_000);
    assert.deepEqual([first.terms.length, first.mayWrite(), second.mayWrite()], [1, true, false]);
  }
  first.stop();
  second.stop();
  await clock.advance(3_000);
});

test('a renewal whose response was lost does not end the term', async () => {
  const clock = new FakeClock();
  let losses = 3;
  const fate = ({ method }: { method: string }) => {
    if (method !== 'PATCH' || losses === 0) return 'answered' as const;
    losses -= 1;
    return 'lostAfter' as const;
  };
  const leader = candidate({ identity: 'leader', clock, server: new FakeLeaseServer(clock), fate });
  await clock.advance(60_000);
  assert.deepEqual([losses, leader.terms.length, leader.mayWrite()], [0, 1, true]);
  leader.stop();
  await clock.advance(10);
});

test('a Lease that another client deletes ends the term, and the candidate acquires a new Lease', async () => {
  const clock = new FakeClock();
  const server = new FakeLeaseServer(clock);
  const leader = candidate({ identity: 'leader', clock, server });
  await clock.advance(1_000);
  server.lease = undefined;
  await clock.advance(2_000);
  assert.equal(leader.terms[0]?.lost.aborted, true);
  await clock.advance(5_000);
  assert.deepEqual([leader.terms.length, leader.mayWrite()], [2, true]);
  leader.stop();
  await clock.advance(10);
});

test('whatever the network does, no two processes may write at the same time', async () => {
  // One request in six fails in one of these ways. Besides, some processes are cut off completely.
  const fates = ['lostBefore', 'lostAfter', 'hangs'] as const;
  const step = fc.record({
    ms: fc.oneof(fc.integer({ min: 100, max: 3_000 }), fc.integer({ min: 10_000, max: 30_000 })),
    down: fc.constantFrom('none', 'a', 'b', 'c', 'all'),
    stopped: fc.constantFrom(false, false, false, true),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 15 }),
      fc.infiniteStream(fc.nat(17)),
      async (steps, luck) => {
        const clock = new FakeClock();
        const server = new FakeLeaseServer(clock);
        let down = 'none';
        const processes = ['a', 'b', 'c'].map((identity) =>
          candidate({
            identity,
            clock,
            server,
            fate: () => (down === identity || down === 'all' ? 'hangs' : (fates[luck.next().value ?? 0] ?? 'answered')),
          }),
        );
        for (const { ms, down: next, stopped } of steps) {
          down = next;
          // Simulate a pause of the processes: their timers are late, and `mayWrite` is called before they fire.
          if (stopped) clock.jump(ms);
          for (let passed = 0; passed < ms; passed += 100) {
            const writers = processes.filter((process) => process.mayWrite()).map(({ identity }) => identity);
            assert(writers.length <= 1, `${writers} may write at ${clock.monotonicMs()}`);
            await clock.advance(100);
          }
        }
        for (const process of processes) process.stop();
        down = 'all';
        await clock.advance(60_000);
        await Promise.all(processes.map(({ running }) => running));
      },
    ),
    { numRuns: 30 },
  );
});
