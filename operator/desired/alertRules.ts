import type { PipelineRef } from '#contract/names.ts';
import { recordedSeries as series } from '#contract/scaling.ts';
import { slos } from '#contract/slo.ts';
import { type Misses, missesOf, objectiveRules } from './objectives.ts';
import {
  type AlertText,
  alertRule,
  group,
  lagInHand,
  type RuleGroup,
  recorderOf,
  type Selectors,
  selectorsOf,
} from './ruleGroup.ts';

export interface AlertRulesInput {
  readonly ref: PipelineRef;
  /** Autoscaling of the aggregators. Undefined means that their number is fixed. */
  readonly autoscaling: { readonly max: number | undefined } | undefined;
}

/**
 * Builds the alerts of one pipeline and the service level objectives that they use. An alert says what to do now;
 * dashboards show the values that need no action. `docs/runbooks` has a page for each alert.
 */
export function buildAlertRules({ ref, autoscaling }: AlertRulesInput): RuleGroup[] {
  const select = selectorsOf(ref);
  const { namespace, name: pipeline } = ref;
  const alerts = {
    ...proofAlerts(select),
    ...partitionAlerts(select),
    ...aliveAlerts(select),
    ...certificateAlerts(select),
    ...(autoscaling === undefined ? {} : scalingAlerts(select, autoscaling)),
  };
  const toRules = (texts: Readonly<Record<string, AlertText>>) =>
    Object.entries(texts).map(([alert, text]) =>
      alertRule(alert, { ...text, summary: `${namespace}/${pipeline}: ${text.summary}` }, { namespace, pipeline }),
    );
  return [
    group('sumpipeline-objectives', objectiveRules(select, recorderOf(ref))),
    group('sumpipeline-alerts', toRules(alerts)),
    // These alerts look back for hours, so one evaluation per minute is enough. It costs a quarter of the default,
    // which is one evaluation per 15 s.
    { name: 'sumpipeline-burns', interval: '1m', rules: toRules(objectiveAlerts(missesOf(select))) },
  ];
}

/** Alerts about the total, from the metrics of the aggregators. */
function proofAlerts({ metric, up }: Selectors): Record<string, AlertText> {
  return {
    SumPipelineNotExact: {
      expr: `min(${metric('sumpipeline_exact')}) == 0`,
      for: '1m',
      severity: 'critical',
      summary: 'the total is not exact',
      description: 'Do not rely on totals of this pipeline. Run "sumctl verify" to see what is wrong and where.',
    },
    SumPipelineNotVerified: {
      expr: `count(${up('aggregator')} == 1) > 0 unless on () count(${metric('sumpipeline_exact')})`,
      for: '15m',
      severity: 'warning',
      summary: 'no aggregator can report whether the total is exact',
      description: 'Aggregators are running. Read in condition TotalExact what they wait for.',
    },
    SumPipelineRecordsParked: {
      expr: `max(${metric('sumpipeline_parked_records')}) > 0`,
      for: '1m',
      severity: 'warning',
      summary: '{{ $value }} records could not be counted',
      description: 'Table parked has these records with their reasons. The total is not exact until you resolve them.',
    },
    SumPipelineDurabilityWeak: {
      expr: `max(${metric('sumpipeline_durability_weak')}) == 1`,
      for: '15m',
      severity: 'warning',
      summary: 'the settings of the topic can lose acknowledged records',
      description: 'Read in condition DurabilityWeak which setting it is, and change that setting of the topic.',
    },
  };
}

/** Alerts when Prometheus reaches no pod of a component: without metrics no other alert can fire. */
function aliveAlerts({ up }: Selectors): Record<string, AlertText> {
  return {
    SumPipelineCalculatorsDown: {
      expr: `absent(${up('calculator')} == 1)`,
      for: '5m',
      severity: 'critical',
      summary: 'Prometheus reaches no calculator',
      description: 'Additions are probably not accepted. Look at the pods, then at the targets of Prometheus.',
    },
    SumPipelineAggregatorsDown: {
      expr: `absent(${up('aggregator')} == 1)`,
      for: '5m',
      severity: 'critical',
      summary: 'Prometheus reaches no aggregator',
      description:
        'Probably nothing is counted. Additions are safe in Kafka. Look at the pods, then at the targets of Prometheus.',
    },
  };
}

/**
 * An alert fires when a certificate has fewer days left than this: its renewal is overdue. Strimzi and cert-manager
 * renew when about 30 days are left, CloudNativePG when 7 days are left.
 */
export const certificateDaysMin = { kafka: 14, postgres: 6 } as const;

/** Alerts about certificates that expire soon. After the expiry no new connection can be made. */
function certificateAlerts({ metric }: Selectors): Record<string, AlertText> {
  const ending = Object.entries(certificateDaysMin).map(([peer, days]) => {
    const end = metric('sumpipeline_certificate_expiry_timestamp_seconds', `peer="${peer}"`);
    return `min by (peer) (${end}) - time() < ${days * 86_400}`;
  });
  return {
    SumPipelineCertificateExpires: {
      expr: ending.join(' or '),
      // Each pod checks every 10 minutes. So all pods have seen a renewal before the alert fires.
      for: '1h',
      severity: 'warning',
      summary: 'a certificate of {{ $labels.peer }} expires in {{ $value | humanizeDuration }}',
      description:
        'When the certificate expires, no new connection can be made and the pipeline stops. Renew it: it is in the CA file, or a server presents it.',
    },
  };
}

/** Alerts about partitions that do not move. */
function partitionAlerts({ metric }: Selectors): Record<string, AlertText> {
  const isHalted = `max by (partition) (${metric('sumpipeline_partition_halted')}) == 1`;
  return {
    SumPipelinePartitionHalted: {
      expr: isHalted,
      for: '1m',
      severity: 'critical',
      summary: 'partition {{ $labels.partition }} is halted',
      description:
        'The partition does not resume by itself. Read the cause in the status of the SumPipeline, or run "sumctl verify".',
    },
    SumPipelinePartitionStuck: {
      expr:
        `max by (partition) (min_over_time(${metric('sumpipeline_lag_records')}[5m])) > 0 ` +
        `and on (partition) (max by (partition) (changes(${metric('sumpipeline_next_offset')}[5m])) == 0) ` +
        `unless on (partition) (${isHalted})`,
      for: '5m',
      severity: 'critical',
      summary: 'partition {{ $labels.partition }} has an owner and waiting records, but is not counted',
      description: 'Look at the log lines of the aggregator that owns the partition, and at the locks in PostgreSQL.',
    },
    SumPipelinePartitionUnowned: {
      expr:
        `count(max by (partition) (${metric('sumpipeline_log_end_offset')}) ` +
        `unless on (partition) ${metric('sumpipeline_next_offset')} unless on (partition) (${isHalted})) > 0`,
      for: '10m',
      severity: 'critical',
      summary: '{{ $value }} partitions have no aggregator',
      description:
        'Records of these partitions are not counted. Check that aggregators run and reach Kafka and PostgreSQL.',
    },
  };
}

/**
 * An alert fires only after more misses than this in its long window. A miss is an addition without a result, or with
 * a late result. Without this minimum a single miss could fire an alert: at 20 additions an hour one miss is 5 % of
 * the traffic.
 */
const missesMin = 10;
/**
 * Speeds at which the error budget of 30 days is used. `factor` 1 uses the budget in exactly 30 days. The long window
 * makes the alert reliable. The short window ends the alert soon after the misses end.
 */
const burns = [
  { suffix: 'Fast', factor: 14.4, windows: ['1h', '5m'], for: '2m', severity: 'critical' },
  { suffix: 'Slow', factor: 6, windows: ['6h', '30m'], for: '15m', severity: 'warning' },
] as const;

function objectiveAlerts(misses: Misses): Record<string, AlertText> {
  const objectives = {
    Availability: {
      miss: misses.unavailable,
      count: misses.count.unavailable,
      budget: 1 - slos.availability.objective,
      what: 'additions get no result',
      description: 'Clients get "retry" or no response. Check Kafka first, then the log lines of the calculators.',
    },
    Acknowledgement: {
      miss: misses.late,
      count: misses.count.late,
      budget: 1 - slos.acknowledgement.quantile,
      what: `additions are acknowledged after more than ${slos.acknowledgement.withinMs} ms`,
      description: 'Check the time of an append to Kafka, then the processor time of the calculators.',
    },
    Freshness: {
      miss: misses.stale,
      count: undefined,
      budget: 1 - slos.freshness.quantile,
      what: `totals are older than ${slos.freshness.withinMs / 1000} s`,
      description: 'The aggregators are too slow. Check the lag, the time of a transaction, and autoscaling.',
    },
  };
  const alerts = Object.entries(objectives).flatMap(([name, { miss, count, budget, what, description }]) =>
    burns.map(({ suffix, factor, windows, for: hold, severity }) => {
      // Round to 12 digits, because 1 - 0.999 is not exactly 0.001.
      const limit = Number((factor * budget).toPrecision(12));
      const text: AlertText = {
        expr: [
          ...windows.map((window) => `(${miss(window)} > ${limit})`),
          ...(count === undefined ? [] : [`(${count(windows[0])} > ${missesMin})`]),
        ].join(' and on () '),
        for: hold,
        severity,
        summary: `{{ $value | humanizePercentage }} of ${what}`,
        description,
      };
      return [`SumPipeline${name}Burns${suffix}`, text] as const;
    }),
  );
  return Object.fromEntries(alerts);
}

function scalingAlerts({ own, one }: Selectors, { max }: { max: number | undefined }): Record<string, AlertText> {
  const lag = one(series.lag);
  const isBehind = `${lag} > ${lagInHand({ one })}`;
  const upper = max === undefined ? one(series.partitions) : `clamp_max(${one(series.partitions)}, ${max})`;
  return {
    SumPipelineAutoscalingAtMaximum: {
      expr: `${one(series.desired)} >= ${upper} and on () (${isBehind})`,
      for: '10m',
      severity: 'warning',
      summary: 'lag remains although the maximum number of aggregators runs',
      description: 'Raise aggregator.autoscaling.max, or the partitions of the topic if they are the limit.',
    },
    SumPipelineAutoscalingIneffective: {
      expr: `${own(series.ineffective)} == 1`,
      for: '5m',
      severity: 'warning',
      summary: 'adding aggregators did not increase the throughput',
      description:
        'Autoscaling keeps the number of aggregators. PostgreSQL is probably the limit: check its processor, disk and locks.',
    },
    SumPipelineAutoscalingBlind: {
      expr: `absent(${own(series.desired)})`,
      for: '10m',
      severity: 'warning',
      summary: 'the wanted number of aggregators is not known',
      description:
        'The number of replicas does not change. Check that Prometheus scrapes the calculators and aggregators.',
    },
    SumPipelineHotPartition: {
      expr: `${own(series.partitionHot)} == 1`,
      for: '5m',
      severity: 'warning',
      summary: 'partition {{ $labels.partition }} gets more records than one aggregator counts',
      description:
        'More aggregators cannot help: a partition has one reader. Calculators spread additions, so find a producer ' +
        'that writes only to this partition. Or give more resources to the aggregators or to PostgreSQL.',
    },
  };
}
