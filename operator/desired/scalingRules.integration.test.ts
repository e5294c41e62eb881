import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordedSeries as series } from '#contract/scaling.ts';
import { buildAlertRules } from './alertRules.ts';
import { buildScalingRules, type ScalingRulesInput } from './scalingRules.ts';
import { type ModelStep, modelPipeline } from './testing/pipelineModel.ts';
import { type Expectation, type RuleScenario, runScenario, stepSeconds } from './testing/ruleScenario.ts';

const aggregator = {
  min: 1,
  max: undefined,
  drainSeconds: 60,
  utilisationPercent: 70,
  capacityHint: 1000,
  partitions: 12,
  hasTolerance: true,
  scaleDownWindowSeconds: 300,
};
const input: ScalingRulesInput = {
  ref: { namespace: 'shop', name: 'orders' },
  topic: 'shop.orders',
  aggregator,
  scalesCalculators: true,
};

const minuteOf = (step: number) => (step * stepSeconds) / 60;
const desired = (minute: number, value: number | undefined): Expectation => ({ minute, expr: series.desired, value });
const even =
  (rate: number, partitions = 12) =>
  () =>
    rate / partitions;

interface Case {
  readonly minutes: number;
  readonly step: (minute: number) => ModelStep;
  readonly expect: readonly Expectation[];
  readonly capacity?: number;
  readonly partitions?: number;
  readonly aggregator?: Partial<typeof aggregator>;
}

function scenario({ minutes, step, expect, capacity = 1000, partitions = 12, ...more }: Case): RuleScenario {
  const at = modelPipeline({ partitions, capacity, step: (index) => step(minuteOf(index)) });
  const scaling = buildScalingRules({ ...input, aggregator: { ...aggregator, ...more.aggregator } as never });
  const alerts = buildAlertRules({ ref: input.ref, autoscaling: { max: undefined } });
  return { groups: [...scaling, ...alerts], minutes, at, expect };
}

/** Number of pods over time: `before` until the minute in which the HPA scales, then `after`. */
const from = (minute: number, before: number, after: number) => (now: number) => (now < minute ? before : after);
const lag = (minute: number, value: number | undefined): Expectation => ({ minute, expr: series.lag, value });
/** Expects that the comparison `expr` is true at that minute. */
const holds = (minute: number, expr: string): Expectation => ({
  minute,
  expr: expr.replace(/([<>=]=?)/, '$1 bool'),
  value: 1,
});
const exporter = (partition: number) =>
  `kafka_topic_partition_current_offset{topic="shop.orders",partition="${partition}"}`;
const hotAlert = 'ALERTS{alertname="SumPipelineHotPartition",alertstate="firing"}';

const cases: Record<string, Case> = {
  'an idle pipeline wants the minimum': {
    minutes: 10,
    step: () => ({ incoming: even(0), pods: 2 }),
    aggregator: { min: 2 },
    expect: [desired(1, undefined), desired(5, 2), desired(10, 2)],
  },
  'a first deploy wants the minimum before anything was counted': {
    minutes: 8,
    step: (minute) => ({ incoming: even(50), pods: minute < 4 ? 0 : 1 }),
    expect: [desired(3, 1), desired(8, 1)],
  },
  'a low rate of tiny batches wants one aggregator': {
    minutes: 10,
    step: () => ({ incoming: even(30), pods: 1 }),
    expect: [desired(5, 1), desired(10, 1)],
  },
  'steady load wants its share of the capacity: 2,090 records a second at 70 % of 1,000 are 3': {
    minutes: 10,
    step: () => ({ incoming: even(2090), pods: 3 }),
    expect: [desired(10, 3)],
  },
  'no more than max, and no fewer than min': {
    minutes: 10,
    step: () => ({ incoming: even(9000), pods: 4 }),
    aggregator: { min: 2, max: 4 } as never,
    expect: [desired(10, 4)],
  },
  'a burst goes to the top in one step and comes back after its window': {
    minutes: 16,
    step: (minute) => ({
      incoming: even(minute > 5 && minute <= 6 ? 6000 : 60),
      pods: minute < 6.5 ? 1 : 12,
    }),
    expect: [desired(5, 1), desired(6.5, 12), desired(8, 12), desired(16, 1)],
  },
  'ten times the load makes one step, drains, and comes back to what the rate needs': {
    minutes: 16,
    step: (minute) => ({ incoming: even(minute < 5 ? 200 : 2000), pods: from(6, 1, 4)(minute) }),
    expect: [desired(5, 1), desired(6, 4), desired(8, 4), desired(10, 4), desired(16, 3)],
  },
  'lag that remains keeps the number although the formula asks for fewer, until it is counted': {
    minutes: 26,
    step: (minute) => {
      // In one step 1,500 more records per second arrive than are counted. After this step as many records are counted
      // as arrive.
      const each = minute < 7.75 || minute > 20 ? 1000 : minute < 8 ? 200 : 5;
      return {
        incoming: even(minute < 8 ? 3900 : 60),
        pods: 6,
        slow: Object.fromEntries(Array.from({ length: 12 }, (_, partition) => [partition, each])),
      };
    },
    expect: [desired(7, 6), lag(19, 22_500), holds(19, `${series.computed} < 2`), desired(20, 6), desired(26, 1)],
  },
  'a hot partition asks for one replica at most, and an alert names it': {
    minutes: 20,
    step: (minute) => ({ incoming: (partition) => (partition === 3 ? 5000 : 10), pods: from(6, 1, 2)(minute) }),
    expect: [
      desired(5, 2),
      desired(20, 2),
      { minute: 20, expr: `${hotAlert.replace('}', ',partition="3"}')}`, value: 1 },
      { minute: 20, expr: `count(${hotAlert})`, value: 1 },
    ],
  },
  'two hot partitions ask for a step': {
    minutes: 20,
    step: (minute) => ({ incoming: (partition) => (partition < 2 ? 5000 : 10), pods: from(6, 1, 3)(minute) }),
    expect: [desired(5, 3), desired(20, 3)],
  },
  'a saturated database keeps the number, and says that more did not help': {
    minutes: 40,
    partitions: 48,
    step: (minute) => ({
      incoming: even(minute < 10 ? 300 : 2500, 48),
      pods: from(11.5, 1, 6)(minute),
      capacity: minute < 11.5 ? 1000 : 1000 / 6,
    }),
    aggregator: { partitions: 48 },
    expect: [
      desired(10, 1),
      desired(11, 6),
      desired(20, 6),
      desired(40, 6),
      { minute: 15, expr: series.ineffective, value: 1 },
      { minute: 40, expr: 'ALERTS{alertname="SumPipelineAutoscalingIneffective",alertstate="firing"}', value: 1 },
    ],
  },
  'capacity is what was measured under a backlog, and stays without a backlog': {
    minutes: 20,
    capacity: 400,
    step: (minute) => ({ incoming: even(minute > 3 && minute < 8 ? 900 : 10), pods: 2 }),
    expect: [
      { minute: 3, expr: series.capacity, value: 1000 },
      { minute: 8, expr: series.capacity, value: 400 },
      { minute: 20, expr: series.capacity, value: 400 },
    ],
  },
  'without aggregators the lag stays true and the number stays': {
    minutes: 15,
    step: (minute) => ({ incoming: even(1200), pods: minute < 5 ? 2 : 0 }),
    expect: [desired(5, 2), desired(15, 2), lag(10.5, 1200 * 60 * 5.75 - 0), lag(15, 1200 * 60 * 10.25)],
  },
  'without a log end no number is recorded': {
    minutes: 12,
    step: (minute) => ({ incoming: even(1200), pods: 2, areCalculatorsDark: minute >= 6 }),
    expect: [desired(5, 2), desired(7, undefined), lag(7, undefined), desired(12, undefined)],
  },
  'without any samples no number is recorded': {
    minutes: 12,
    step: (minute) => ({ incoming: even(1200), pods: 2, isDark: minute >= 6 }),
    expect: [desired(7, undefined), lag(7, undefined)],
  },
  'after a gap longer than every window no number is recorded until all windows are full again': {
    minutes: 40,
    step: (minute) => ({ incoming: even(3900), pods: 6, isDark: minute > 10 && minute <= 25 }),
    expect: [desired(10, 6), desired(20, undefined), desired(26, undefined), desired(28, 6), desired(40, 6)],
  },
  'counters that begin again change nothing': {
    minutes: 20,
    capacity: 400,
    step: (minute) => ({ incoming: even(minute > 3 && minute < 15 ? 900 : 10), pods: 2, isReset: minute === 8 }),
    expect: [holds(10, `${series.capacity} == 400`), holds(12, `${series.capacity} == 400`)],
  },
  'a halted partition is no load': {
    minutes: 15,
    step: (minute) => ({ incoming: even(600), pods: 1, halted: minute < 5 ? [] : [4] }),
    expect: [desired(15, 1), lag(15, 0), holds(15, `${series.partitionLag} > 25000`)],
  },
  'a partition that does not move under its owner is no load after five minutes': {
    minutes: 15,
    step: () => ({ incoming: even(600), pods: 1, slow: { 4: 0 } }),
    expect: [holds(4, `${series.lag} > 5000`), lag(15, 0)],
  },
  'a slow partition is load': {
    minutes: 15,
    step: () => ({ incoming: even(600), pods: 1, slow: { 4: 10 } }),
    expect: [holds(15, `${series.lag} > 30000`)],
  },
  'load that goes up and down by 15 % around a rung changes nothing for three windows': {
    minutes: 30,
    step: (minute) => ({ incoming: even(2100 * (Math.floor(minute) % 2 === 0 ? 0.85 : 1.15)), pods: 4 }),
    expect: [
      desired(10, 4),
      desired(20, 4),
      desired(30, 4),
      { minute: 30, expr: `changes(${series.desired}[20m])`, value: 0 },
    ],
  },
  'a rollout that runs one pod more than the maximum changes nothing': {
    minutes: 14,
    step: (minute) => {
      const rolls = minute > 5 && minute < 9;
      return {
        incoming: even(8390),
        pods: rolls ? 13 : 12,
        idle: rolls ? 1 : 0,
        unowned: rolls && minute % 1 === 0 ? 2 : 0,
      };
    },
    expect: [5, 6, 7, 8, 9, 10, 14].map((minute) => desired(minute, 12)),
  },
  'no second step while the pods of the first step do not start': {
    minutes: 20,
    step: (minute) => ({ incoming: even(minute < 5 ? 200 : 2000), pods: 1 }),
    expect: [desired(6, 4), desired(10, 4), desired(20, 4)],
  },
  'no second step while the new pods own no partition': {
    minutes: 12,
    step: (minute) => ({
      incoming: even(minute < 5 ? 200 : 2000),
      pods: from(6, 1, 4)(minute),
      idle: minute < 6 ? 0 : 3,
    }),
    expect: [desired(6, 4), desired(12, 4)],
  },
  'a topic that grows from 6 to 12 partitions raises the maximum': {
    minutes: 16,
    partitions: 6,
    step: (minute) => {
      const partitions = minute < 8 ? 6 : 12;
      return { incoming: even(7000, partitions), pods: 6, partitions };
    },
    aggregator: { partitions: undefined } as never,
    expect: [desired(7, 6), desired(10, 12)],
  },
  'the Kafka Exporter alone is enough, and its -1 counts as unknown': {
    minutes: 12,
    step: (minute) => ({
      incoming: even(1200),
      pods: 2,
      areCalculatorsDark: true,
      extra: Object.fromEntries(
        Array.from({ length: 12 }, (_, partition) => [
          exporter(partition),
          partition === 5 && minute > 8 ? -1 : 1_000_000 + 100 * stepSeconds * (minute * 4 + 1),
        ]),
      ),
    }),
    expect: [
      desired(7, 2),
      lag(7, 0),
      { minute: 7, expr: series.incoming, value: 1200 },
      desired(12, 2),
      lag(12, 0),
      { minute: 12, expr: `count(${series.partitionLag})`, value: 11 },
    ],
  },
  'a log end that is NaN, negative or old is ignored': {
    minutes: 10,
    step: () => ({
      incoming: even(1200),
      pods: 2,
      extra: Object.fromEntries(
        [Number.NaN, -5, 0, 7].map((value, pod) => [
          `sumpipeline_log_end_offset{namespace="shop",pipeline="orders",pod="bad${pod}",partition="0"}`,
          value,
        ]),
      ),
    }),
    expect: [desired(10, 2), lag(10, 0)],
  },
  'a log end below what was counted is no negative lag': {
    minutes: 8,
    step: () => ({ incoming: even(600), pods: 1, logEnd: { 2: 5 } }),
    expect: [desired(8, 1), lag(8, 0)],
  },
  'after a gap longer than every window nothing is scaled in until the whole scale-down window was seen again': {
    minutes: 34,
    step: (minute) => ({
      incoming: even(minute < 10 ? 3900 : 60),
      pods: 6,
      isDark: minute > 10 && minute <= 25,
    }),
    expect: [desired(10, 6), desired(20, undefined), desired(28, 6), desired(29, 6), desired(34, 1)],
  },
  'load that falls to a tenth is followed in one step, after its window': {
    minutes: 22,
    step: (minute) => ({ incoming: even(minute < 10 ? 8000 : 300), pods: 12 }),
    expect: [
      desired(10, 12),
      desired(14, 12),
      desired(22, 1),
      { minute: 22, expr: `changes(${series.desired}[12m])`, value: 1 },
    ],
  },
  'a scale-down window shorter than a slope still makes one step': {
    minutes: 16,
    step: (minute) => ({ incoming: even(minute < 10 ? 4800 : 2750), pods: 12 }),
    aggregator: { scaleDownWindowSeconds: 30 },
    expect: [desired(10, 12), desired(14, 4), { minute: 16, expr: `changes(${series.desired}[6m])`, value: 1 }],
  },
  'a backlog that leaves the window does not change the capacity: its last seconds are not a reliable sample': {
    minutes: 22,
    step: (minute) => ({
      incoming: even(minute < 5 ? 200 : 1450),
      pods: from(8, 1, 3)(minute),
      capacity: minute < 8.25 ? 1000 : 1100,
    }),
    expect: [desired(10, 3), desired(22, 3), { minute: 22, expr: `changes(${series.desired}[16m])`, value: 0 }],
  },
  'a partition that was halted before Prometheus saw it does not prevent scaling': {
    minutes: 24,
    step: (minute) => ({
      incoming: even(minute < 5 || minute > 14 ? 200 : 2000),
      pods: from(6, 1, 4)(minute),
      halted: [4],
    }),
    expect: [desired(5, 1), desired(7, 4), desired(24, 1)],
  },
  'even load above max is no hot partition': {
    minutes: 20,
    step: () => ({ incoming: even(9000), pods: 4 }),
    aggregator: { max: 4 } as never,
    expect: [desired(20, 4), { minute: 20, expr: hotAlert, value: undefined }],
  },
  'a hot partition is not taken for a database at its limit, and the others still scale': {
    minutes: 40,
    step: (minute) => ({
      incoming: (partition) => (partition === 3 ? 5000 : minute < 25 ? 1 : 300),
      pods: minute < 6 ? 1 : from(27, 2, 6)(minute),
    }),
    expect: [
      desired(20, 2),
      { minute: 20, expr: series.ineffective, value: 0 },
      { minute: 24, expr: hotAlert, value: 1 },
      holds(40, `${series.desired} > 5`),
    ],
  },
  'a database that is faster again lets the number rise again, also while lag remains': {
    minutes: 50,
    partitions: 48,
    step: (minute) => ({
      incoming: even(minute < 10 ? 300 : 2500, 48),
      pods: from(11.5, 1, 6)(minute),
      capacity: minute < 11.5 ? 1000 : minute < 30 ? 1000 / 6 : 300,
    }),
    aggregator: { partitions: 48 },
    expect: [
      { minute: 20, expr: series.ineffective, value: 1 },
      desired(29, 6),
      { minute: 36, expr: series.ineffective, value: 0 },
      holds(50, `${series.desired} > 6`),
    ],
  },
  'a next offset that is NaN or negative is ignored': {
    minutes: 10,
    step: (minute) => ({
      incoming: even(1200),
      pods: 2,
      extra: Object.fromEntries(
        [Number.NaN, -1].map((value, pod) => [
          `sumpipeline_next_offset{namespace="shop",pipeline="orders",pod="bad",partition="${20 + pod}"}`,
          minute < 1 ? undefined : value,
        ]),
      ),
    }),
    expect: [desired(10, 2), lag(10, 0), { minute: 10, expr: `count(${series.partitionNextOffset})`, value: 12 }],
  },
  'a crash-looping revision keeps the number': {
    minutes: 20,
    step: (minute) => ({ incoming: even(minute < 6 ? 2000 : 6000), pods: minute < 5 || minute % 2 < 1 ? 3 : 1 }),
    expect: [6, 8, 10, 14, 20].map((minute) => desired(minute, 3)),
  },
};

describe('the number of aggregators wanted', () => {
  for (const [name, one] of Object.entries(cases)) {
    test(name, async () => {
      const { ok, output } = await runScenario(scenario(one));
      assert.ok(ok, output);
    });
  }
});

describe('additions in flight', () => {
  const labels = 'namespace="shop",pipeline="orders",component="calculator"';
  const at = (isDown: boolean) => () => ({
    [`sumpipeline_calculator_queue_additions{${labels},pod="c0"}`]: 40,
    [`sumpipeline_calculator_queue_additions{${labels},pod="c1"}`]: isDown ? undefined : 30,
    [`up{${labels},pod="c0"}`]: 1,
    [`up{${labels},pod="c1"}`]: isDown ? 0 : 1,
  });
  for (const [what, isDown, value] of [
    ['are the sum over the calculators', false, 70],
    ['have no value while Prometheus cannot read one calculator', true, undefined],
  ] as const) {
    test(what, async () => {
      const expect = [{ minute: 2, expr: series.inFlight, value }];
      const { ok, output } = await runScenario({
        groups: buildScalingRules(input),
        minutes: 2,
        at: at(isDown),
        expect,
      });
      assert.ok(ok, output);
    });
  }
});
