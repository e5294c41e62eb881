import { type Component, childName } from '#contract/names.ts';
import { externalMetricOf, type RecordedSeries, recordedSeries } from '#contract/scaling.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';
import { aggregatorsMax, scaleTargetOf } from './scaleTarget.ts';
import { buildBehavior, guardSeconds } from './scalingBehavior.ts';

/**
 * Builds the HPA of a component. The metric of the aggregators is the wanted number of replicas itself, so the target
 * is an average of 1 for each replica. While the metric is missing, the number of replicas does not change.
 */
export function buildHorizontalPodAutoscaler(
  pipeline: SumPipeline,
  facts: Facts,
  component: Component,
): ChildObject | undefined {
  const spec = component === 'aggregator' ? aggregatorSpec(pipeline, facts) : calculatorSpec(pipeline, facts);
  if (spec === undefined) return undefined;
  const name = childName.workload(refOf(pipeline), component);
  return childOf(
    pipeline,
    { owned: ownership.horizontalPodAutoscaler, name, component },
    { spec: { scaleTargetRef: scaleTargetOf(pipeline, component), ...spec } },
  );
}

function aggregatorSpec(pipeline: SumPipeline, facts: Facts): object | undefined {
  const { autoscaling } = pipeline.spec.aggregator;
  if (autoscaling?.mode !== 'hpa') return undefined;
  return {
    minReplicas: autoscaling.min,
    maxReplicas: aggregatorsMax(pipeline, autoscaling),
    metrics: [external(pipeline, recordedSeries.desired, 1)],
    behavior: buildBehavior(autoscaling.behavior, {
      knowsTolerance: facts.scaling.knowsTolerance,
      scaleDownSecondsMax: guardSeconds,
    }),
  };
}

function calculatorSpec(pipeline: SumPipeline, facts: Facts): object | undefined {
  const { autoscaling } = pipeline.spec.calculator;
  if (autoscaling === undefined) return undefined;
  const cpu = {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: autoscaling.cpuUtilisation } },
  };
  return {
    minReplicas: autoscaling.min,
    maxReplicas: autoscaling.max,
    metrics: [
      external(pipeline, recordedSeries.inFlight, autoscaling.inFlight),
      ...(facts.scaling.hasResourceMetrics ? [cpu] : []),
    ],
    // This metric is a load, not a wanted number. The default tolerance of 10 % avoids a step for every small change.
    behavior: buildBehavior(autoscaling.behavior, { knowsTolerance: false }),
  };
}

/** Builds an external metric. It names no namespace: an HPA reads external metrics in its own namespace. */
function external(pipeline: SumPipeline, series: RecordedSeries, average: number): object {
  return {
    type: 'External',
    external: {
      metric: {
        name: externalMetricOf(series),
        selector: { matchLabels: { pipeline: pipeline.metadata.name } },
      },
      target: { type: 'AverageValue', averageValue: String(average) },
    },
  };
}
