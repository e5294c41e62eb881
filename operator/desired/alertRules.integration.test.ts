import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { calculatorMetrics } from '#contract/metrics.ts';
import { recordedSeries as series } from '#contract/scaling.ts';
import { slos } from '#contract/slo.ts';
import { buildAlertRules, certificateDaysMin } from './alertRules.ts';
import { type Expectation, runScenario, type Sample, stepSeconds } from './testing/ruleScenario.ts';
import { checkRunbook } from './testing/runbook.ts';

const ref = { namespace: 'shop', name: 'orders' };
const groups = buildAlertRules({ ref, autoscaling: { max: 6 } });
const alertNames = groups.flatMap(({ rules }) => rules.flatMap((rule) => ('alert' in rule ? [rule.alert] : [])));

type Samples = Readonly<Record<string, Sample>>;

const own = 'namespace="shop",pipeline="orders"';
const add = `${own},component="calculator",pod="c0",method="Add"`;
const perSecond = 100;
const partitions = [0, 1, 2];

interface Traffic {
  /** Share of the additions of one step whose result is "unavailable". */
  readonly unavailable: number;
  readonly late: number;
  readonly freshness: number;
}

/** Samples of a healthy pipeline: three partitions, two aggregators, 100 additions a second. */
function healthy(step: number): Samples {
  return {
    ...traffic(step, () => ({ unavailable: 0, late: 0.001, freshness: 0.2 })),
    [`up{${own},component="calculator",pod="c0"}`]: 1,
    [`up{${own},component="aggregator",pod="a0"}`]: 1,
    [`sumpipeline_exact{${own},pod="a0"}`]: 1,
    [`sumpipeline_parked_records{${own},pod="a0"}`]: 0,
    [`sumpipeline_durability_weak{${own},pod="a0"}`]: 0,
    [certificate('kafka', 'c0')]: 60 * day,
    [certificate('kafka', 'a0')]: (certificateDaysMin.kafka + 1) * day,
    // CloudNativePG renews when 7 days are left, and a renewal takes some hours.
    [certificate('postgres', 'a0')]: (certificateDaysMin.postgres + 0.5) * day,
    [`sumpipeline_owned_partitions{${own},pod="a0"}`]: 2,
    [`sumpipeline_owned_partitions{${own},pod="a1"}`]: 1,
    ...Object.fromEntries(
      partitions.flatMap((partition) => [
        [`sumpipeline_log_end_offset{${own},pod="c0",partition="${partition}"}`, step * stepSeconds * perSecond],
        [nextOffset(partition), step * stepSeconds * perSecond],
        [lag(partition), 20],
      ]),
    ),
    [`${series.desired}{${own}}`]: 2,
    [`${series.partitions}{${own}}`]: 3,
    [`${series.lag}{${own}}`]: 60,
    [`${series.incoming}{${own}}`]: perSecond,
    [`${series.ineffective}{${own}}`]: 0,
  };
}

/** One day in seconds. In promtool time begins at 0, so `60 * day` is an end in 60 days. */
const day = 86_400;
const certificate = (peer: string, pod: string) =>
  `sumpipeline_certificate_expiry_timestamp_seconds{${own},pod="${pod}",peer="${peer}"}`;
const nextOffset = (partition: number) => `sumpipeline_next_offset{${own},pod="a0",partition="${partition}"}`;
const lag = (partition: number) => `sumpipeline_lag_records{${own},pod="a0",partition="${partition}"}`;
const halted = `sumpipeline_partition_halted{${own},pod="a0",partition="1"}`;

/** Samples of counters: each step adds the additions of that step. */
function traffic(step: number, at: (minute: number) => Traffic): Samples {
  let [unavailable, late] = [0, 0];
  const additions = stepSeconds * perSecond;
  for (let past = 1; past <= step; past += 1) {
    const one = at((past * stepSeconds) / 60);
    unavailable += one.unavailable * additions;
    late += one.late * additions;
  }
  const total = step * additions;
  return {
    [`sumpipeline_requests_total{${add},result="ok"}`]: total - unavailable,
    [`sumpipeline_requests_total{${add},result="unavailable"}`]: unavailable,
    [`sumpipeline_request_duration_seconds_bucket{${add},le="0.25"}`]: total - late,
    [`sumpipeline_request_duration_seconds_count{${add}}`]: total,
    [`sumpipeline_dispositions_total{${own},pod="a0",disposition="applied"}`]: total,
    [`sumpipeline_freshness_seconds{${own},pod="a0"}`]: at((step * stepSeconds) / 60).freshness,
  };
}

const firing = (alert: string) => `ALERTS{alertname="${alert}",alertstate="firing"}`;
/** Expects how many alerts fire at that minute. */
const firingCount = (minute: number, value: Sample): Expectation => ({
  minute,
  expr: 'count(ALERTS{alertstate="firing"})',
  value,
});

interface Case {
  readonly minutes: number;
  /** Other alerts that also fire. */
  readonly with?: readonly string[];
  /** Differences from a healthy pipeline; undefined removes a series. */
  readonly change: (step: number) => Samples;
}

const minuteOf = (step: number) => (step * stepSeconds) / 60;
/** Minute in which the change begins. Until then the alert must be silent. */
const begin = 10;
const later = (change: (step: number) => Samples) => (step: number) => (minuteOf(step) <= begin ? {} : change(step));

const cases: Readonly<Record<string, Case>> = {
  SumPipelineNotExact: { minutes: 14, change: later(() => ({ [`sumpipeline_exact{${own},pod="a1"}`]: 0 })) },
  SumPipelineNotVerified: {
    minutes: 28,
    change: later(() => ({ [`sumpipeline_exact{${own},pod="a0"}`]: undefined })),
  },
  SumPipelineRecordsParked: {
    minutes: 14,
    // Parked records also make the total inexact, until a user has resolved them.
    with: ['SumPipelineNotExact'],
    change: later(() => ({
      [`sumpipeline_parked_records{${own},pod="a0"}`]: 3,
      [`sumpipeline_exact{${own},pod="a0"}`]: 0,
    })),
  },
  SumPipelineDurabilityWeak: {
    minutes: 28,
    change: later(() => ({ [`sumpipeline_durability_weak{${own},pod="a0"}`]: 1 })),
  },
  SumPipelinePartitionHalted: {
    minutes: 24,
    // If an aggregator halts a partition, it removes the offset of this partition from its metrics.
    change: later(() => ({ [halted]: 1, [nextOffset(1)]: undefined, [lag(1)]: undefined })),
  },
  SumPipelinePartitionStuck: {
    minutes: 24,
    change: later((step) => ({ [nextOffset(1)]: 60_000, [lag(1)]: step * 1000 })),
  },
  SumPipelinePartitionUnowned: {
    minutes: 24,
    change: later(() => ({ [nextOffset(2)]: undefined, [lag(2)]: undefined })),
  },
  SumPipelineCalculatorsDown: {
    minutes: 18,
    change: later(() => ({ [`up{${own},component="calculator",pod="c0"}`]: 0 })),
  },
  SumPipelineAggregatorsDown: {
    minutes: 18,
    change: later(() => ({ [`up{${own},component="aggregator",pod="a0"}`]: undefined })),
  },
  SumPipelineCertificateExpires: {
    minutes: 75,
    change: later(() => ({ [certificate('kafka', 'c0')]: (certificateDaysMin.kafka - 1) * day })),
  },
  SumPipelineAvailabilityBurnsFast: {
    minutes: 90,
    change: (step) => traffic(step, (minute) => ({ unavailable: minute > 30 ? 0.05 : 0, late: 0, freshness: 0.2 })),
  },
  SumPipelineAvailabilityBurnsSlow: {
    minutes: 480,
    change: (step) => traffic(step, (minute) => ({ unavailable: minute > 60 ? 0.008 : 0, late: 0, freshness: 0.2 })),
  },
  SumPipelineAcknowledgementBurnsFast: {
    minutes: 90,
    change: (step) => traffic(step, (minute) => ({ unavailable: 0, late: minute > 30 ? 0.5 : 0, freshness: 0.2 })),
  },
  SumPipelineAcknowledgementBurnsSlow: {
    minutes: 480,
    change: (step) => traffic(step, (minute) => ({ unavailable: 0, late: minute > 60 ? 0.08 : 0, freshness: 0.2 })),
  },
  SumPipelineFreshnessBurnsFast: {
    minutes: 90,
    change: (step) => traffic(step, (minute) => ({ unavailable: 0, late: 0, freshness: minute > 30 ? 9 : 0.2 })),
  },
  SumPipelineFreshnessBurnsSlow: {
    minutes: 480,
    // Totals are too old in one minute of twelve.
    change: (step) =>
      traffic(step, (minute) => ({ unavailable: 0, late: 0, freshness: minute > 60 && minute % 12 < 1 ? 9 : 0.2 })),
  },
  SumPipelineAutoscalingAtMaximum: {
    minutes: 24,
    change: later(() => ({ [`${series.desired}{${own}}`]: 3, [`${series.lag}{${own}}`]: 50_000 })),
  },
  SumPipelineAutoscalingIneffective: {
    minutes: 18,
    change: later(() => ({ [`${series.ineffective}{${own}}`]: 1 })),
  },
  SumPipelineAutoscalingBlind: { minutes: 24, change: later(() => ({ [`${series.desired}{${own}}`]: undefined })) },
  SumPipelineHotPartition: {
    minutes: 18,
    change: later(() => ({ [`${series.partitionHot}{${own},partition="2"}`]: 1 })),
  },
};

async function check(minutes: number, change: (step: number) => Samples, expect: readonly Expectation[]) {
  const at = (step: number) => ({ ...healthy(step), ...change(step) });
  const { ok, output } = await runScenario({ groups, minutes, at, expect });
  assert.ok(ok, output);
}

describe('an alert fires only after its cause begins, and no other alert fires', () => {
  test('each has a case', () => assert.deepEqual(Object.keys(cases).toSorted(), alertNames.toSorted()));

  for (const [alert, { minutes, change, with: beside = [] }] of Object.entries(cases)) {
    test(alert, () => {
      const others = `count(ALERTS{alertstate="firing",alertname!~"${[alert, ...beside].join('|')}"})`;
      // When a Fast alert fires, the Slow alert fires too.
      const isFast = alert.endsWith('BurnsFast');
      return check(minutes, change, [
        firingCount(begin, undefined),
        { minute: minutes, expr: `count(${firing(alert)})`, value: 1 },
        ...(isFast ? [] : [{ minute: minutes, expr: others, value: undefined }]),
      ]);
    });
  }
});

describe('no alert fires', () => {
  test('in a pipeline that is healthy for eight hours', () =>
    check(
      480,
      () => ({}),
      [60, 240, 480].map((minute) => firingCount(minute, undefined)),
    ));

  test('in a pipeline without traffic, whatever the age of its last record was', () =>
    check(
      480,
      (step) => ({
        ...traffic(0, () => ({ unavailable: 0, late: 0, freshness: 30 })),
        ...Object.fromEntries(
          partitions.flatMap((partition) => [
            [nextOffset(partition), 7],
            [lag(partition), 0],
          ]),
        ),
        [`sumpipeline_log_end_offset{${own},pod="c0",partition="0"}`]: step === 0 ? 7 : 7,
      }),
      [firingCount(480, undefined)],
    ));

  test('when one of a few additions got no response, and the client retried', () =>
    check(
      90,
      (step) => ({
        [`sumpipeline_requests_total{${add},result="ok"}`]: Math.floor(minuteOf(step) / 3),
        [`sumpipeline_requests_total{${add},result="unavailable"}`]: minuteOf(step) > 60 ? 1 : 0,
        [`sumpipeline_request_duration_seconds_count{${add}}`]: Math.floor(minuteOf(step) / 3),
        [`sumpipeline_request_duration_seconds_bucket{${add},le="0.25"}`]:
          Math.floor(minuteOf(step) / 3) - (minuteOf(step) > 60 ? 1 : 0),
      }),
      [62, 65, 90].map((minute) => firingCount(minute, undefined)),
    ));

  test('while a partition goes from one aggregator to the next', () =>
    check(
      20,
      (step) => (minuteOf(step) > 10 && minuteOf(step) < 12 ? { [nextOffset(2)]: undefined, [lag(2)]: undefined } : {}),
      [11.5, 13, 20].map((minute) => firingCount(minute, undefined)),
    ));

  test('about a certificate whose expiry is not known, or that is renewed while some pods still know the old one', () =>
    check(
      180,
      (step) =>
        minuteOf(step) < 90
          ? Object.fromEntries(
              [certificate('kafka', 'c0'), certificate('kafka', 'a0'), certificate('postgres', 'a0')].map((name) => [
                name,
                undefined,
              ]),
            )
          : minuteOf(step) < 130
            ? { [certificate('kafka', 'c0')]: day }
            : {},
      [80, 125, 180].map((minute) => firingCount(minute, undefined)),
    ));

  test('of a pipeline whose number of aggregators is fixed, about autoscaling', () => {
    const fixed = buildAlertRules({ ref, autoscaling: undefined });
    assert.doesNotMatch(JSON.stringify(fixed), /Autoscaling|HotPartition/);
  });
});

test('an alert about a certificate continues after its expiry, one for each peer', () =>
  check(120, () => ({ [certificate('kafka', 'a0')]: -3 * day, [certificate('postgres', 'a0')]: 0 }), [
    { minute: 120, expr: `count(${firing('SumPipelineCertificateExpires')})`, value: 2 },
    { minute: 120, expr: 'count(ALERTS{alertstate="firing",peer="postgres"})', value: 1 },
  ]));

describe('every alert', () => {
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    if ('alert' in rule) test(`${rule.alert} has a runbook`, () => checkRunbook(rule));
  }
});

describe('the service level objectives', () => {
  test('are measured as shares of the additions', async () => {
    const change = (step: number): Samples => ({
      [`sumpipeline_requests_total{${add},result="ok"}`]: step * 990,
      [`sumpipeline_requests_total{${add},result="id-conflict"}`]: step * 5,
      [`sumpipeline_requests_total{${add},result="unavailable"}`]: step * 3,
      [`sumpipeline_requests_total{${add},result="deadline-exceeded"}`]: step * 1,
      [`sumpipeline_requests_total{${add},result="internal"}`]: step * 1,
      [`sumpipeline_request_duration_seconds_bucket{${add},le="0.25"}`]: step * 900,
      [`sumpipeline_request_duration_seconds_count{${add}}`]: step * 1000,
    });
    await check(8, change, [
      { minute: 8, expr: `round(${series.availability}, 0.0001)`, value: 0.995 },
      { minute: 8, expr: `round(${series.acknowledgedInTime}, 0.0001)`, value: 0.9 },
      { minute: 8, expr: series.fresh, value: 1 },
    ]);
  });

  test('are judged at a bound of a histogram that exists', () => {
    const { buckets }: { buckets: readonly number[] } = calculatorMetrics.sumpipeline_request_duration_seconds;
    assert.ok(buckets.includes(slos.acknowledgement.withinMs / 1000));
  });
});
