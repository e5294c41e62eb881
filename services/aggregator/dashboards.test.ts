import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { silentLogger } from '#platform/log.ts';
import type { LogAssignment } from '#services/eventlog/port.ts';
import { Dashboards } from './dashboards.ts';

function assignmentOf(commits: string[], signal = new AbortController().signal): LogAssignment {
  return {
    generation: 1,
    partitions: [0, 1, 2],
    signal,
    proveMembership: async () => {},
    readFrom: async () => {},
    stop: () => {},
    commitForDashboards: async (offsets) => {
      commits.push([...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(' '));
    },
  };
}

test('the offset of every partition is committed within a second after its last record, all in one commit', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const commits: string[] = [];
  const dashboards = new Dashboards(silentLogger);
  const assignment = assignmentOf(commits);
  for (let offset = 1n; offset <= 500n; offset++) {
    for (const partition of [0, 1, 2]) dashboards.tell(assignment, partition, offset);
  }
  assert.deepEqual(commits, [], 'a batch causes no commit at once');
  mock.timers.tick(1000);
  assert.deepEqual(commits, ['0:500 1:500 2:500']);
  mock.timers.tick(5000);
  assert.equal(commits.length, 1, 'without new offsets nothing is committed');
});

test('offsets of an earlier assignment are not committed: the next owner commits them', async () => {
  const [earlier, now]: [string[], string[]] = [[], []];
  const dashboards = new Dashboards(silentLogger);
  const ended = new AbortController();
  dashboards.tell(assignmentOf(earlier, ended.signal), 0, 5n);
  ended.abort();
  await dashboards.flush();
  dashboards.tell(assignmentOf(now), 1, 7n);
  await dashboards.flush();
  assert.deepEqual([earlier, now], [[], ['1:7']]);
});

test('a refused commit causes no error', async () => {
  const dashboards = new Dashboards(silentLogger);
  const ended = new AbortController();
  const assignment = {
    ...assignmentOf([], ended.signal),
    commitForDashboards: () => Promise.reject(new Error('no')),
  };
  dashboards.tell(assignment, 0, 1n);
  await dashboards.flush();
  // End the assignment. Otherwise the timer of the next attempt would keep the process running.
  ended.abort();
  await dashboards.flush();
});

test('a commit that failed is retried, with newer offsets, until the assignment ends', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const ended = new AbortController();
  const commits: string[] = [];
  const good = assignmentOf(commits, ended.signal);
  let failures = 1;
  const assignment = {
    ...good,
    commitForDashboards: async (offsets: ReadonlyMap<number, bigint>) => {
      if (failures-- > 0) throw new Error('no');
      await good.commitForDashboards(offsets);
    },
  };
  const dashboards = new Dashboards(silentLogger);
  dashboards.tell(assignment, 0, 1n);
  dashboards.tell(assignment, 1, 5n);
  const failing = dashboards.flush();
  dashboards.tell(assignment, 0, 2n);
  await failing;
  await dashboards.flush();
  assert.deepEqual(commits, ['0:2 1:5']);
  failures = 1;
  dashboards.tell(assignment, 0, 3n);
  const last = dashboards.flush();
  ended.abort();
  await last;
  await dashboards.flush();
  assert.deepEqual(commits, ['0:2 1:5'], 'after the end nothing is committed');
});
