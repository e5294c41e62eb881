import { childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { buildAlertRules } from './alertRules.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf, topicOf } from './identity.ts';
import type { RuleGroup } from './ruleGroup.ts';
import { buildScalingRules } from './scalingRules.ts';

/** Builds the recording rules for autoscaling. The Prometheus that selects our monitors must select this object too. */
export function buildScalingRule(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const { aggregator, calculator, kafka } = pipeline.spec;
  const { autoscaling } = aggregator;
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
  return ruleOf(pipeline, facts, childName.scalingRules(ref), groups);
}

/** Builds the alerts and the recording rules of the objectives. */
export function buildAlertRule(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const ref = refOf(pipeline);
  const { autoscaling } = pipeline.spec.aggregator;
  const groups = buildAlertRules({ ref, autoscaling: autoscaling && { max: autoscaling.max } });
  return ruleOf(pipeline, facts, childName.alertRules(ref), groups);
}

function ruleOf(
  pipeline: SumPipeline,
  facts: Facts,
  name: string,
  groups: readonly RuleGroup[],
): ChildObject | undefined {
  const { monitoring } = pipeline.spec;
  if (!monitoring.enabled || !facts.apis.prometheusRules) return undefined;
  return childOf(pipeline, { owned: ownership.prometheusRule, name, labels: monitoring.labels }, { spec: { groups } });
}
