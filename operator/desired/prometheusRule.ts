import { childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import type { Facts } from './facts.ts';
import { refOf, topicOf } from './identity.ts';
import { ownership } from './ownership.ts';
import { buildScalingRules } from './scalingRules.ts';

/** What autoscaling reads: recorded in the Prometheus that selects our monitors, which must select this too. */
export function buildPrometheusRule(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const { aggregator, calculator, monitoring, kafka } = pipeline.spec;
  const { autoscaling } = aggregator;
  if (!monitoring.enabled || !facts.apis.prometheusRules) return undefined;
  if (autoscaling === undefined && calculator.autoscaling === undefined) return undefined;
  const ref = refOf(pipeline);
  const groups = buildScalingRules({
    ref,
    topic: topicOf(pipeline),
    aggregator: autoscaling && {
      min: autoscaling.min,
      max: autoscaling.max,
      drainSeconds: autoscaling.drainSeconds,
      utilisationPercent: autoscaling.utilisation,
      capacityHint: autoscaling.capacityHint,
      scaleDownWindowSeconds: autoscaling.behavior.scaleDown.stabilizationWindowSeconds,
      partitions: kafka.topic.partitions,
      hasTolerance: facts.scaling.hasTolerance,
    },
    scalesCalculators: calculator.autoscaling !== undefined,
  });
  return childOf(
    pipeline,
    { owned: ownership.prometheusRule, name: childName.scalingRules(ref), labels: monitoring.labels },
    { spec: { groups } },
  );
}
