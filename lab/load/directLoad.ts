import { randomUUID } from 'node:crypto';
import type { Producer } from 'kafkajs';
import { z } from 'zod';
import { encodeRecord, schemaHeader, schemaVersion } from '#contract/record.ts';
import { type Addition, parseAddition } from '#core/addition.ts';
import type { Parts } from '#lab/up/sample.ts';
import { pause } from '#platform/time.ts';
import { createKafkaClient } from './kafkaClient.ts';

/**
 * A load for tests of autoscaling, in the open model: additions arrive at the set rate and never wait for each other.
 * A few go through the calculator's API. All others go directly into the log, because two cores cannot carry
 * thousands of calls a second beside the pods. Our own producer writes the same records as a calculator, so the
 * aggregators see no difference. Every hundredth record is written twice, like a client that got no response and
 * sends again.
 */
export interface Load extends AsyncDisposable {
  /** Additions per second from now on. */
  setRate(perSecond: number): void;
  readonly rate: number;
  /** Writes one record that no aggregator of this version can read. The partition is halted at this record. */
  halt(partition: number): Promise<void>;
  /** Sets the partitions to write to. Undefined: all partitions of the topic. */
  setPartitions(partitions: readonly number[] | undefined): void;
  /** Sets the rate to 0 and waits until every addition so far is acknowledged. More additions may follow. */
  drain(): Promise<Journal>;
  /** Stops the arrivals and waits until every addition so far is acknowledged. */
  finish(): Promise<Journal>;
}

/** The acknowledged additions: the totals must match them. */
export interface Journal {
  readonly totals: ReadonlyMap<string, { readonly sum: bigint; readonly count: bigint }>;
  readonly acknowledged: number;
  /** Number of additions that were acknowledged through the API of the calculator. */
  readonly overApi: number;
}

/** Time between two batches of arrivals, in milliseconds. */
const tickMs = 100;
const seriesCount = 8;
/** Number of additions per second that go through the API of the calculator, at every rate of the load. */
const apiPerSecond = 5;
/** One record in this many is written twice, like a client that sends again. */
const copyEvery = 100;
/**
 * How long an append without a response is repeated, in milliseconds. A copy is harmless: each request id counts
 * once.
 */
const retryForMs = 120_000;
/** Pause before an append is repeated, in milliseconds. */
const retryPauseMs = 500;

/** The pipeline under load. */
export interface LoadTarget {
  readonly topic: string;
  readonly calculatorUrl: string;
}

export async function startLoad(parts: Parts, pipeline: LoadTarget): Promise<Load> {
  const producer = await connectProducer(parts);
  const journal = new OpenJournal();
  const state = { rate: 0, made: 0, apiMade: 0, partitions: undefined as readonly number[] | undefined };
  const busy = new Set<Promise<void>>();
  const end = new AbortController();
  const track = (work: Promise<void>) => {
    const tracked = work.finally(() => busy.delete(tracked));
    busy.add(tracked);
    // `finish` awaits this promise. Until then a rejection must not end the process.
    tracked.catch(() => {});
  };

  const running = (async () => {
    let due = 0;
    let apiDue = 0;
    let lastAt = performance.now();
    while (!end.signal.aborted) {
      await pause(tickMs, end.signal);
      const now = performance.now();
      const seconds = (now - lastAt) / 1000;
      lastAt = now;
      const overApi = Math.min(apiPerSecond, state.rate);
      apiDue += overApi * seconds;
      due += (state.rate - overApi) * seconds;
      const batch = Array.from({ length: Math.floor(due) }, () => makeAddition(state.made++));
      due -= batch.length;
      if (batch.length > 0)
        track(appendUntilAcknowledged(producer, { pipeline, batch, partitions: state.partitions, journal }));
      for (; apiDue >= 1; apiDue--) track(addUntilAcknowledged(pipeline, makeAddition(state.made++), journal));
    }
  })();

  async function drain(): Promise<Journal> {
    state.rate = 0;
    // Wait for two more ticks: an addition that is due now is sent at the next tick.
    await pause(2 * tickMs, end.signal);
    await Promise.all(busy);
    return journal;
  }

  async function finish(): Promise<Journal> {
    end.abort();
    await running;
    await Promise.all(busy);
    return journal;
  }
  return {
    setRate(perSecond) {
      state.rate = perSecond;
    },
    get rate() {
      return state.rate;
    },
    setPartitions(partitions) {
      state.partitions = partitions;
    },
    async halt(partition) {
      const { key, value, headers } = encodeRecord(makeAddition(state.made++));
      const newer = { ...headers, [schemaHeader]: String(schemaVersion + 1) };
      const message = { key: Buffer.from(key), value: Buffer.from(value), headers: newer, partition };
      await producer.send({ topic: pipeline.topic, acks: -1, messages: [message] });
    },
    drain,
    finish,
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
      await Promise.allSettled(busy);
      await producer.disconnect();
    },
  };
}

async function connectProducer(parts: Parts): Promise<Producer> {
  const producer = createKafkaClient(parts).producer({ idempotent: false, metadataMaxAge: 5_000 });
  await producer.connect();
  return producer;
}

class OpenJournal implements Journal {
  readonly totals = new Map<string, { sum: bigint; count: bigint }>();
  acknowledged = 0;
  overApi = 0;

  add({ series, result }: Addition): void {
    const { sum, count } = this.totals.get(series) ?? { sum: 0n, count: 0n };
    this.totals.set(series, { sum: sum + BigInt(result), count: count + 1n });
    this.acknowledged += 1;
  }
}

/**
 * Makes an addition of whole numbers, so that the journal can add with BigInt. The journal must not use the decimal
 * code that it checks.
 */
function makeAddition(index: number): Addition {
  const [a, b] = [index % 1_000, index % 7];
  return parseAddition({
    requestId: randomUUID(),
    series: `loop-${index % seriesCount}`,
    a: String(a),
    b: String(b),
  });
}

interface Append {
  readonly pipeline: LoadTarget;
  readonly batch: readonly Addition[];
  readonly partitions: readonly number[] | undefined;
  readonly journal: OpenJournal;
}

async function appendUntilAcknowledged(producer: Producer, append: Append): Promise<void> {
  const { pipeline, batch, partitions, journal } = append;
  const withCopies = batch.flatMap((addition, index) => (index % copyEvery === 0 ? [addition, addition] : [addition]));
  const messages = withCopies.map((addition, index) => {
    const { key, value, headers } = encodeRecord(addition);
    const partition = partitions?.[index % partitions.length];
    // Without a partition kafkajs chooses by the key, which is the request id.
    return {
      key: Buffer.from(key),
      value: Buffer.from(value),
      headers,
      ...(partition === undefined ? {} : { partition }),
    };
  });
  await untilDone(async () => {
    await producer.send({ topic: pipeline.topic, acks: -1, messages });
  });
  for (const addition of batch) journal.add(addition);
}

const answerSchema = z.object({ result: z.string() });
const apiTimeoutMs = 15_000;

async function addUntilAcknowledged(pipeline: LoadTarget, addition: Addition, journal: OpenJournal): Promise<void> {
  const { requestId, series, a, b } = addition;
  await untilDone(async () => {
    const response = await fetch(`${pipeline.calculatorUrl}/v1/additions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ requestId, series, a, b }),
      signal: AbortSignal.timeout(apiTimeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the calculator responds with ${response.status}: ${text}`);
    const { result } = answerSchema.parse(JSON.parse(text));
    if (result !== addition.result) throw new Error(`the calculator returned ${result} for ${a} + ${b}`);
  });
  journal.add(addition);
  journal.overApi += 1;
}

async function untilDone(attempt: () => Promise<void>): Promise<void> {
  const until = performance.now() + retryForMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await pause(retryPauseMs);
    }
  }
}
