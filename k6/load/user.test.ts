import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addDecimals, formatDecimal } from '#core/decimal.ts';
import type { AddOutcome, LoadAddition, LoadApi } from './api.ts';
import { decimalOf } from './journal.ts';
import { seededRandom } from './random.ts';
import { loadScenarios } from './scenarios.ts';
import { VirtualUser } from './user.ts';

interface Fault {
  /** Number of additions that are acknowledged but not counted. */
  readonly loses?: number;
  /** Number of additions that count twice. */
  readonly doubles?: number;
  /** Number of first attempts that get no response although the addition is written. */
  readonly hides?: number;
  /** Number of responses with a wrong result. */
  readonly miscounts?: number;
}

/** Makes a fake pipeline in memory: it counts each id once, apart from the faults that the test requests. */
function fakePipeline(fault: Fault): LoadApi {
  const counted = new Map<string, LoadAddition>();
  const left = { loses: 0, doubles: 0, hides: 0, miscounts: 0, ...fault };
  const doubled: LoadAddition[] = [];
  const lost = new Set<string>();
  const resultOf = ({ a, b }: LoadAddition) => formatDecimal(addDecimals(decimalOf(a), decimalOf(b)));
  return {
    async add(_protocol, addition): Promise<AddOutcome> {
      const position = { partition: 0, offset: BigInt(counted.size) };
      if (!counted.has(addition.requestId)) {
        if (left.loses-- > 0) lost.add(addition.requestId);
        if (lost.has(addition.requestId)) return { kind: 'acknowledged', result: resultOf(addition), position };
        counted.set(addition.requestId, addition);
        if (left.doubles-- > 0) doubled.push(addition);
        if (left.hides-- > 0) return { kind: 'retry', reason: 'no response' };
      }
      const result = left.miscounts-- > 0 ? '0.5' : resultOf(addition);
      return { kind: 'acknowledged', result, position };
    },
    async findAddition(requestId) {
      const addition = counted.get(requestId);
      if (addition === undefined) return { kind: 'absent' };
      return { kind: 'found', value: { series: addition.series, result: resultOf(addition) } };
    },
    async readTotal(series) {
      const own = [...counted.values(), ...doubled].filter((addition) => addition.series === series);
      if (own.length === 0) return { kind: 'absent' };
      const total = own.map((addition) => decimalOf(resultOf(addition))).reduce(addDecimals);
      return { kind: 'found', value: { total: formatDecimal(total), count: BigInt(own.length) } };
    },
    readProof: async () => ({ kind: 'found', value: { exact: true, reason: 'Exact', message: '' } }),
  };
}

async function play(fault: Fault) {
  let clock = 1_700_000_000_000;
  const measured = new Map<string, number[]>();
  const user = new VirtualUser({
    id: 1,
    runId: 'test',
    mix: { ...loadScenarios.smoke.mix, additionsPerVisitMax: 1, seriesPerUser: 2, repeatShare: 0.3 },
    api: fakePipeline(fault),
    measure: (name, value) => measured.set(name, [...(measured.get(name) ?? []), value]),
    random: seededRandom(7),
    now: () => clock,
    pause: async (ms) => {
      clock += ms;
    },
    complain: () => {},
  });
  for (let visit = 0; visit < 40; visit++) await user.visit();
  return { ...(await user.verify()), measured };
}

describe('a virtual user', () => {
  test('finds nothing wrong with a pipeline that counts each addition once', async () => {
    const { problems, acknowledged, measured } = await play({});
    assert.deepEqual(problems, []);
    assert.equal(acknowledged, 40);
    assert.equal(measured.get('sumpipeline_journal_acknowledged')?.length, 40);
  });

  test('sends the same id again when it gets no response, and counts it as unavailable', async () => {
    const { problems, measured } = await play({ hides: 3 });
    assert.deepEqual(problems, []);
    assert.equal(measured.get('sumpipeline_additions_answered')?.filter((value) => value === 0).length, 3);
  });

  test('finds an acknowledged addition that does not count', async () => {
    const { problems } = await play({ loses: 1 });
    assert.match(problems.join('\n'), /series load-test-1-\d: the total is .* expected/);
    assert.match(problems.join('\n'), /was acknowledged: the pipeline does not have it/);
  });

  test('finds an addition that counts twice', async () => {
    const { problems } = await play({ doubles: 1 });
    assert.equal(problems.length, 1);
    assert.match(problems.join('\n'), /the total is .* from \d+ additions, expected .* from \d+/);
  });

  test('finds a wrong result in a response', async () => {
    const { measured } = await play({ miscounts: 1 });
    assert.deepEqual(measured.get('sumpipeline_journal_agrees'), [0, 1]);
  });
});
