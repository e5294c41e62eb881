import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aggregatorEnvironment } from '#contract/config.ts';
import { aggregatorMetrics } from '#contract/metrics.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { LogUnavailableError, TopicConflictError, type TopicSettings } from '#services/eventlog/port.ts';
import type { OwnedBooks } from '#services/ledger/port.ts';
import { until } from '#test/support/condition.ts';
import { healthy } from './health.ts';
import type { Session, SessionOptions } from './session.ts';
import { AggregatorState } from './state.ts';
import { Stillness } from './stillness.ts';
import { watch } from './watch.ts';

const durable: TopicSettings = {
  partitions: 1,
  replicas: 3,
  minInSyncReplicas: 2,
  uncleanLeaderElection: false,
  cleanupPolicy: 'delete',
  timestampType: 'LogAppendTime',
  retentionMs: -1,
  retentionBytes: -1,
  compressionType: 'producer',
};

/** Starts a watch that reads fake books and a fake log every millisecond. */
function setUp({ isMember = true, books = [] as readonly OwnedBooks[] } = {}) {
  const said: string[] = [];
  const stuckSaid: string[] = [];
  const state = new AggregatorState({
    now: () => new Date(0),
    onVerdict: ({ kafka, store, stuck = [] }) => {
      said.push(`kafka ${kafka.reason}, store ${store.reason}`);
      stuckSaid.push(stuck.map(({ message }) => message).join());
    },
  });
  state.store = healthy('open');
  state.kafka = healthy('connected');
  const topic = { readSettings: async () => durable, offsets: async () => new Map() };
  const { metrics, exposition } = createMetrics(aggregatorMetrics, { processMetrics: false });
  const member = {
    owned: new Map(),
    assigned: [] as number[],
    counting: [] as number[],
    obstacles: new Map<number, string>(),
    isMember,
  };
  const options = {
    config: parseEnvironment(aggregatorEnvironment, {
      SUMPIPELINE_NAMESPACE: 'shop',
      SUMPIPELINE_NAME: 'orders',
      SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: 'unused:9092',
      SUMPIPELINE_KAFKA_TOPIC: 'shop.orders',
      SUMPIPELINE_KAFKA_GROUP: 'shop.orders',
      SUMPIPELINE_STORE_URI_FILE: 'unused',
      SUMPIPELINE_STORE_SCHEMA: 'shop.orders',
    }),
    state,
    logger: silentLogger,
    metrics,
    stillness: new Stillness(20),
  } as unknown as SessionOptions;
  const topicFile = { ensureIfChanged: async () => false };
  const session = { ledger: { readBooks: async () => books }, topic, topicFile } as unknown as Session;
  const ending = new AbortController();
  const done = watch(options, { session, partitions: member, requireSameLog: async () => {} }, ending.signal, {
    everyMs: 1,
    limits: { allMs: 40, oneMs: 60_000 },
  });
  return {
    state,
    said,
    stuckSaid,
    exposition,
    topic,
    topicFile,
    member,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await done;
    },
    ending,
    done,
  };
}

test('exports how many records of the whole pipeline are parked', async () => {
  const books: OwnedBooks = {
    logEpoch: 1,
    partition: 0,
    firstOffset: 0n,
    nextOffset: 5n,
    applied: 2n,
    duplicate: 0n,
    conflict: 0n,
    parked: 3n,
    expired: 0n,
    ownerEpoch: 1n,
    owner: 'pod',
    halt: undefined,
  };
  await using watching = setUp({ books: [books, { ...books, partition: 1, nextOffset: 6n, parked: 4n }] });
  const isTold = async () => /^sumpipeline_parked_records 7$/m.test(await watching.exposition.render());
  await until('the metric', isTold);
});

describe('a partition that has records and does not move', () => {
  const books: OwnedBooks = {
    logEpoch: 1,
    partition: 4,
    firstOffset: 0n,
    nextOffset: 5n,
    applied: 5n,
    duplicate: 0n,
    conflict: 0n,
    parked: 0n,
    expired: 0n,
    ownerEpoch: 1n,
    owner: 'pod',
    halt: undefined,
  };
  const still = () => {
    const watching = setUp({ books: [books] });
    watching.topic.offsets = async () => new Map([[4, { start: 0n, end: 9n }]]);
    watching.member.assigned = [4];
    watching.member.counting = [4];
    return watching;
  };

  test('is reported with its cause until it makes progress; the process does not exit', async () => {
    await using watching = still();
    watching.member.obstacles.set(4, 'terminating connection due to transaction timeout');
    const message =
      'partition 4 has records and has not moved from offset 5 for a minute: terminating connection due to transaction timeout';
    await until('the verdict', () => watching.stuckSaid.at(-1) === message, { seen: () => watching.stuckSaid });
    let looks = 0;
    watching.topic.offsets = async () => {
      looks += 1;
      return new Map([[4, { start: 0n, end: 9n }]]);
    };
    await until('more looks than it takes without a cause', () => looks > 100);
    watching.topic.offsets = async () => new Map([[4, { start: 0n, end: 5n }]]);
    await until('the end of it', () => watching.stuckSaid.at(-1) === '');
  });

  test('is reported by an aggregator that does not have it, and this process does not exit', async () => {
    await using watching = still();
    watching.member.assigned = [];
    watching.member.counting = [];
    const message =
      'partition 4 has records and has not moved from offset 5 for a minute, and it is not assigned to this aggregator; its last owner is pod. ' +
      'Check that every aggregator runs, and that the consumer group does not rebalance repeatedly';
    await until('the verdict', () => watching.stuckSaid.at(-1) === message, { seen: () => watching.stuckSaid });
    watching.topic.offsets = async () => new Map([[4, { start: 0n, end: 5n }]]);
    await until('the end of it', () => watching.stuckSaid.at(-1) === '');
  });

  test('is not reported by other aggregators while it is halted', async () => {
    const halt = { reason: 'LogGap', message: 'seen' };
    await using watching = setUp({ books: [{ ...books, halt }] });
    let checks = 0;
    watching.topic.offsets = async () => {
      checks += 1;
      return new Map([[4, { start: 0n, end: 9n }]]);
    };
    await until('more checks than a report takes', () => checks > 100);
    assert.deepEqual(
      watching.stuckSaid.filter((said) => said !== ''),
      [],
    );
  });

  test('ends the process when no cause is known', async () => {
    const watching = still();
    await assert.rejects(watching.done, /partition 4 has a lag of 4 and has not moved from offset 5 for 0 s/);
    assert.match(watching.stuckSaid.at(-1) ?? '', /no error was reported/);
  });
});

describe('a problem of the log', () => {
  test('is reported once, even if only the settings show it', async () => {
    await using watching = setUp();
    let asked = 0;
    watching.topic.readSettings = async () => {
      asked += 1;
      throw new TopicConflictError('cannot be read');
    };
    await until('some looks', () => asked > 20);
    assert.deepEqual(watching.said.slice(1), ['kafka TopicConflict, store Connected']);
  });

  test('ends only when this process is a member of the group', async () => {
    await using watching = setUp({ isMember: false });
    let looks = 0;
    watching.topic.offsets = async () => {
      looks += 1;
      if (looks === 1) throw new LogUnavailableError('Unreachable', 'away');
      return new Map();
    };
    await until('some looks', () => looks > 20);
    assert.equal(watching.state.kafka.reason, 'Unreachable');
    watching.member.isMember = true;
    await until('health', () => watching.state.kafka.ok);
  });

  test('includes a topic that cannot get its wanted settings, and the health is still checked', async () => {
    await using watching = setUp();
    let looks = 0;
    watching.topic.offsets = async () => {
      looks += 1;
      return new Map();
    };
    watching.topicFile.ensureIfChanged = async () => {
      throw new TopicConflictError('no such setting');
    };
    await until('some looks', () => looks > 20);
    assert.deepEqual([...new Set(watching.said.slice(1))], ['kafka TopicConflict, store Connected']);
    watching.topicFile.ensureIfChanged = async () => false;
    await until('health', () => watching.state.kafka.ok);
  });

  test('is not reported for a connection that was closed', async () => {
    const watching = setUp();
    const hanging = Promise.withResolvers<never>();
    const asked = Promise.withResolvers<void>();
    watching.topic.offsets = () => {
      asked.resolve();
      return hanging.promise;
    };
    await asked.promise;
    watching.ending.abort();
    hanging.reject(new LogUnavailableError('Unreachable', 'this client is closed'));
    await watching.done;
    assert.equal(watching.state.kafka.ok, true);
  });
});
