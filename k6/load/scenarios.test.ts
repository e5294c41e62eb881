import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requestIdProblem } from '#core/requestId.ts';
import { randomDecimal, requestIdAt, seededRandom, seedOf } from './random.ts';
import { durationSeconds, loadScenarioNames, loadScenarios, scaleScenario, visitsUntil } from './scenarios.ts';

describe('a load scenario', () => {
  test('has as many visits as the area under its rates', () => {
    const scenario = {
      ...loadScenarios.smoke,
      startRate: 0,
      stages: [
        { seconds: 10, rate: 10 },
        { seconds: 5, rate: 10 },
      ],
    };
    assert.equal(visitsUntil(scenario, 5), 12.5);
    assert.equal(visitsUntil(scenario, 10), 50);
    assert.equal(visitsUntil(scenario, 15), 100);
    assert.equal(visitsUntil(scenario, 99), 100);
  });

  test('keeps its shape when it is scaled', () => {
    const half = scaleScenario(loadScenarios.spike, { rate: 0.5, time: 0.1 });
    const total = visitsUntil(loadScenarios.spike, durationSeconds(loadScenarios.spike));
    assert.equal(Math.round(visitsUntil(half, durationSeconds(half))), Math.round(total * 0.05));
  });

  for (const name of loadScenarioNames) {
    test(`has enough users for ${name}: a visit takes about a second of think time`, () => {
      const { stages, users, mix } = loadScenarios[name];
      const peak = Math.max(...stages.map(({ rate }) => rate));
      const thinkSeconds = (((mix.additionsPerVisitMax - 1) / 2) * mix.thinkMsMax) / 2 / 1000;
      assert.ok(users >= peak * (thinkSeconds + 1), `${users} users for ${peak} visits a second`);
    });
  }
});

describe('the randomness of a load test', () => {
  test('repeats with the same seed and differs between users', () => {
    const values = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
    assert.deepEqual(values(seedOf(1, 2)), values(seedOf(1, 2)));
    assert.notDeepEqual(values(seedOf(1, 2)), values(seedOf(1, 3)));
  });

  test('makes request ids of version 7 and decimals that the service accepts', () => {
    const random = seededRandom(3);
    for (let turn = 0; turn < 1000; turn++) {
      const id = requestIdAt(1_764_316_800_000, random);
      assert.equal(requestIdProblem(id), undefined);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.match(randomDecimal(random), /^-?[1-9]\d*(\.\d\d)?$/);
    }
  });
});
